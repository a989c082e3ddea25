// The path is a process between the unmodified socket.io-client and the server. It is killed (-9) in
// the midst of a stream, again and again, or goes black without a word; the client comes back by itself
// and has every event exactly once, in order, and what it publishes itself is heard exactly once.
'use strict';
const assert = require('node:assert');
const path = require('node:path');
const { start, within, story, tell } = require('./harness');
const { ways, server, end, connect, heard, asked, numbers, until, sleep } = require('./book');
const { seed, random } = require('./random');

let main;
let talker; // has no bad path

story(`the server starts; seed ${seed}`, async () => {
  main = await server('--ping-interval', '400ms', '--ping-timeout', '1s');
  talker = await connect(main);
});

async function relay(port = 0) {
  const child = start(process.execPath, [path.join(__dirname, 'relay.js'), String(port), main.tcp]);
  child.port = Number((await child.until((lines) => /^listening (\d+)$/m.exec(lines.join('\n'))))[1]);
  return child;
}

async function kill(child) {
  child.kill('SIGKILL');
  assert.strictEqual(await child.ended, 'SIGKILL');
}

// Events of several sizes, until stop() tells how many there were; no more than the talker itself keeps up with.
const AHEAD_MAX = 100;
function stream() {
  const sizes = [10, 10, 10, 3000, 20000];
  let n = 0;
  talker.numbers.length = 0;
  const timer = setInterval(() => {
    if (n - talker.numbers.length < AHEAD_MAX) sizes.forEach((size) => talker.emit('n', n++, 'x'.repeat(size)));
  }, 10);
  return async () => {
    clearInterval(timer);
    await asked(talker, 'who', 'nobody');
    return n;
  };
}

// The client publishes, too, one by one, each until it is answered. stop() resolves when the last is.
function publishing(client) {
  const came = [];
  const hear = (n) => came.push(n);
  talker.on('said', hear);
  let n = 0;
  let over = false;
  const all = (async () => {
    for (; !over; await sleep(20)) await new Promise((resolve) => client.emit('said', n, { $pub: `${client.first} ${n++}` }, resolve));
  })();
  return async () => {
    over = true;
    await within('the last answer', (resolve) => all.then(resolve));
    talker.off('said', hear);
    assert.deepStrictEqual(came, numbers(n));
  };
}

async function watched(at, way) {
  const client = await connect({ via: `127.0.0.1:${at.port}` }, { ...way, retries: 1000, ackTimeout: 1000 });
  client.backs = [];
  client.first = client.id;
  client.on('connect', () => client.backs.push(client.recovered));
  return client;
}

// What is said of those that do not come.
const rest = (client, n) => () => `${n} events (${client.numbers.length} came; it is ${client.connected ? 'up' : 'down'}, and was ${client.backs.length} times back: ` +
  `${client.backs}; gaps ${JSON.stringify(client.gaps)}; ends ${client.ends})`;

// Each of the n events once and in order; lost and recovered at least so often.
function whole(client, n, times) {
  assert.deepStrictEqual(client.numbers, numbers(n));
  assert.deepStrictEqual([client.gaps, client.id], [[], client.first]);
  assert.ok(client.backs.length >= times && client.backs.every((recovered) => recovered), `recovered: ${client.backs}`);
}

for (const [name, way] of Object.entries(ways)) {
  story(`killed in the midst of a stream, five times: ${name}`, async () => {
    const rng = random(name);
    let at = await relay();
    const client = await watched(at, way);
    const [stop, said] = [stream(), publishing(client)];
    for (let i = 0; i < 5; i++) {
      if (i % 2) await until('the client', () => client.connected);
      await sleep(rng.between(5, 250)); // otherwise it may still be connecting; and it may be upgrading
      await kill(at);
      await sleep(rng.between(0, 60));
      at = await relay(at.port);
    }
    await until('the client', () => client.connected);
    await said();
    const n = await stop();
    await until(rest(client, n), () => client.numbers.length >= n);
    await asked(talker, 'n', n); // nothing comes behind the last one but this
    await until('one more', () => client.numbers.includes(n));
    whole(client, n + 1, 2);
    client.disconnect();
    await kill(at);
  });

  story(`black: nothing is closed, both ends give up on their own, and all is recovered: ${name}`, async () => {
    const at = await relay();
    const client = await watched(at, way);
    for (const socket of [talker, client]) await new Promise((resolve) => socket.emit('join', name, resolve));
    const [stop, said] = [stream(), publishing(client)];
    for (let i = 0; i < 2; i++) {
      await sleep(100);
      const gone = [heard(client, 'disconnect'), heard(talker, 'left')];
      at.kill('SIGSTOP');
      const [[reason], [left]] = await Promise.all(gone);
      assert.deepStrictEqual([reason, left.id], ['ping timeout', client.first]);
      at.kill('SIGCONT');
      await heard(client, 'connect');
    }
    await said();
    const n = await stop();
    await until(rest(client, n), () => client.numbers.length >= n);
    whole(client, n, 2);
    client.disconnect();
    await kill(at);
  });
}

story('every server still ends cleanly', end);

tell();
