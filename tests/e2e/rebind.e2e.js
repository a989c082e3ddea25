// A NAT between three clients and the server gives them another port every second (REBIND_MS), five times
// (REBIND_TIMES), while two of them publish 50 events a second each and the third only listens; once over a
// path that loses nothing, once with 2 % loss. Each event arrives exactly once, in the order of the room's
// log, in the session that there was: no reconnect, nothing silent, no gap.
'use strict';
const assert = require('node:assert');
const { start, serve, within, until, timed, story, tell } = require('./harness');
const { seed, random } = require('./random');
const { UdpRelay } = require('./udp_relay');

const EVERY_MS = Number(process.env.REBIND_MS || 1000);
const TIMES = Number(process.env.REBIND_TIMES || 5);
const LARGE = 'x'.repeat(5000); // of every 20th event: in five datagrams

const ascending = (list) => [...list].sort((x, y) => x - y);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let server;
let sessions = 0;
let moves = 0;

story(`the server starts; seed ${seed}`, async () => {
  server = await serve('udp_server', ['--listen', '127.0.0.1:0', '--verbose'], ['udp'], 'pipe');
  server.said = '';
  server.child.stderr.on('data', (data) => { server.said += data; });
});

// One bin/client, all that it tells, and what it has heard of the other.
async function member(url, room, name) {
  const child = start('client', [url, '--room', room, '--name', name, '--json'], 'ignore');
  const m = { child, name, heard: [], seqs: [], late: [], other: [] };
  await child.until((lines) => lines.some((line) => line.includes('"joined"')), 'joined');
  let seen = child.seen.length;
  m.listen = () => {
    for (; seen < child.seen.length; seen++) {
      const told = JSON.parse(child.seen[seen]);
      const [, said] = told.event || [];
      if (told.type === 'event' && told.event[0] === 'chat message' && said.name !== name) {
        const [n, at] = said.text.split(' ');
        m.heard.push(`${said.name} ${n}`);
        m.seqs.push(told.seq);
        m.late.push(Date.now() - Number(at));
      } else if (!['event', 'answer'].includes(told.type) || (told.type === 'answer' && told.status !== 'ok')) {
        m.other.push(child.seen[seen]);
      }
    }
  };
  sessions++;
  return m;
}

// The first two say what they have to say, each 50 times a second, until stop() tells how much that was, and for how
// long those on its way were kept waiting by the machine.
function talk(members, room) {
  let n = 0;
  const span = timed(server.child.pid, ...members.map((m) => m.child.pid));
  const listen = setInterval(() => members.forEach((m) => m.listen()), 1);
  const say = setInterval(() => {
    for (const m of members.slice(0, 2)) m.child.stdin.write(`${JSON.stringify(['chat message', { room, text: `${n} ${Date.now()} ${n % 20 ? '' : LARGE}` }])}\n`);
    n++;
  }, 20);
  return async () => {
    clearInterval(say);
    const all = () => members.every((m, i) => m.heard.length >= (i < 2 ? n : 2 * n));
    await until(() => `all of ${n}: ${members.map((m) => m.heard.length)}`, all);
    const { busy } = span();
    members.forEach((m) => m.child.stdin.end()); // leaves once everything is answered
    await within('the end of both', (resolve) => { Promise.all(members.map((m) => m.child.ended)).then(resolve); });
    clearInterval(listen);
    members.forEach((m) => m.listen());
    return { n, busy };
  };
}

async function moving(room, loss) {
  const relay = await UdpRelay.create(server.udp);
  const rng = random(room);
  const members = await Promise.all(['Ann', 'Bob', 'Cid'].map((name) => member(relay.url, room, name)));
  relay.loses = () => rng.below(1000) < loss * 1000;
  const stop = talk(members, room);
  for (let i = 0; i < TIMES; i++) {
    await sleep(EVERY_MS);
    await relay.rebind();
    moves += members.length;
  }
  await sleep(EVERY_MS);
  const said = await stop();
  await relay.end();
  for (const m of members) await judge(m, room, said);
}

async function judge(m, room, { n, busy }) {
  const expected = ['Ann', 'Bob'].filter((name) => name !== m.name).flatMap((name) => Array.from({ length: n }, (_, i) => `${name} ${i}`));
  assert.deepStrictEqual([...m.heard].sort(), expected.sort());
  assert.deepStrictEqual(m.seqs, ascending(m.seqs)); // a publish tried again may have been overtaken on its way to the log
  // Who leaves may have lost what was behind all that was said: that another left.
  const farewell = ({ type, reason, from }) => reason === 'goodbye' || (type === 'gap' && reason === 'closed' && from > m.seqs.at(-1));
  assert.deepStrictEqual(m.other.filter((line) => !farewell(JSON.parse(line))), []);
  assert.strictEqual(await m.child.ended, 0);
  const late = ascending(m.late);
  assert.ok(late.at(-1) < 2500 + busy, `one came after ${late.at(-1)} ms, ${busy} of them kept waiting`); // whoever only listens has 5 s to its next PING
  console.log(`# ${room}, ${m.name}: ${late.length} events, half within ${late[late.length >> 1]} ms, 99 % within ${late[Math.floor(late.length * 0.99)]} ms, all within ${late.at(-1)} ms`);
}

story(`another port ${TIMES} times: each event once and in order, with and without loss besides`, async () => {
  await Promise.all([moving('calm', 0), moving('lossy', 0.02)]);
});

story('nobody had to come back, and every move was followed', async () => {
  server.child.kill('SIGTERM');
  assert.strictEqual(await server.child.ended, 0);
  const counted = (words) => Number((server.said.match(new RegExp(`counted (\\d+) ${words}`)) || [0, 0])[1]);
  assert.strictEqual(counted('sessions begun'), sessions);
  const followed = counted('sessions that went on at another address');
  assert.ok(followed >= moves * 0.9 && followed <= moves, `${followed} of ${moves} moves\n${server.said}`);
});

tell();
