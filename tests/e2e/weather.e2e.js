// Bad weather at the TCP server, with real sockets and the unmodified socket.io-client: crowds, killed
// clients, no descriptors left, the end in the midst of it; whoever is not concerned notices nothing.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const { bin, start, serve, within, timed, story, tell } = require('./harness');
const { keep, server, memory, end, connect, asked, numbers, until, sleep } = require('./book');
const { text: frame, HANDSHAKE } = require('./raw_peer');

// A connection that reads only to throw away, and says what it likes.
function raw(s, ...texts) {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(s.tcp);
  return within('upgrade', (resolve) => {
    const socket = net.connect(Number(port), host);
    socket.on('error', () => {});
    socket.once('data', () => resolve(socket));
    socket.on('data', () => {});
    socket.write(HANDSHAKE);
    texts.forEach((text) => socket.write(frame(text)));
  });
}

// With 0 and within a second, but for what the machine kept it waiting.
async function ends(s) {
  const span = timed(s.child.pid);
  let took = span();
  const timer = setInterval(() => { if (s.child.exitCode === null) took = span(); }, 10);
  s.child.kill('SIGTERM');
  assert.strictEqual(await s.child.ended, 0);
  clearInterval(timer);
  assert.ok(took.ms - took.busy < 1000, `it took ${took.ms} ms, ${took.busy} of them kept waiting`);
}

const files = (s) => fs.readdirSync(`/proc/${s.child.pid}/fd`).length;

story('a burst that is there at once, larger than the log, overtakes nobody who reads', async () => {
  const s = await server('--log-events', '500');
  const readers = [await connect(s), await connect(s), await connect(s)];
  const talker = await raw(s, '40');
  await asked(readers[0], 'who', 'nobody');
  s.child.kill('SIGSTOP');
  talker.write(Buffer.concat(numbers(4000).map((n) => frame(`42["n",${n}]`))));
  await sleep(100);
  s.child.kill('SIGCONT');
  await until('all events', () => readers.every((r) => r.numbers.length === 4000));
  readers.forEach((r) => assert.deepStrictEqual([r.numbers, r.ends, r.gaps], [numbers(4000), [], []]));
  assert.strictEqual(talker.destroyed, false);
  talker.destroy();
});

story('clients that are killed disturb nobody, and their rooms hear of it', async () => {
  const s = await server();
  const [talker, reader] = [await connect(s), await connect(s)];
  await asked(reader, 'join', 'blue');
  const left = [];
  reader.on('left', ({ name }) => left.push(name));
  const children = numbers(5).map((n) => start('client', [`ws://${s.tcp}`, '--room', 'blue', '--name', `k${n}`, '--json']));
  await until('five in the room', () => children.every((child) => child.seen.some((line) => line.includes('"joined"'))));
  for (let n = 0; n < 500; n++) talker.emit('n', n);
  children.forEach((child) => child.kill('SIGKILL'));
  for (let n = 500; n < 1000; n++) talker.emit('n', n);
  await until('all events', () => reader.numbers.length === 1000 && left.length === 5);
  assert.deepStrictEqual(reader.numbers, numbers(1000));
  assert.deepStrictEqual(left.sort(), ['k0', 'k1', 'k2', 'k3', 'k4']);
});

story('a thousand connections, and a thousand that come and go: descriptors and memory return', async () => {
  const s = await server();
  const friend = await connect(s);
  const round = async (n, end) => {
    for (let i = 0; i < n; i += 100) (await Promise.all(numbers(100).map(() => raw(s, '40')))).forEach(end);
    await until('descriptors', () => files(s) === before);
  };
  const before = files(s);
  await round(300, (socket) => socket.resetAndDestroy());
  const warm = memory(s);
  await round(300, (socket) => socket.end(frame('41')));
  await round(300, (socket) => socket.destroy());
  assert.ok(memory(s) - warm < 4, `${memory(s) - warm} MiB more`);
  const many = [];
  for (let i = 0; i < 10; i++) many.push(...await Promise.all(numbers(100).map(() => raw(s, '40'))));
  assert.strictEqual(files(s), before + 1000);
  await asked(friend, 'n', 0);
  await until('its own event', () => friend.numbers.length === 1);
  await ends(s);
});

// Starts the server from a shell that sets a limit of open files first.
async function limited(limit, ...args) {
  const command = ['-c', `${limit}; exec "$0" "$@"`, `${bin}/tcp_server`, '--listen', '127.0.0.1:0', ...args];
  return keep(await serve('/bin/bash', command, ['tcp']));
}

story('more connections than the shell allows files', async () => {
  const s = await limited('ulimit -Sn 40');
  const friend = await connect(s);
  const many = await Promise.all(numbers(60).map(() => raw(s, '40')));
  friend.emit('n', 0);
  await until('its own event', () => friend.numbers.length === 1);
  many.forEach((socket) => socket.destroy());
});

story('out of descriptors: who is there is served, who waits comes in when others go', async () => {
  const s = await limited('ulimit -n 40', '--connections', '1000'); // else 503 is said before the last is gone
  const [talker, friend] = [await connect(s), await connect(s)];
  const [come, before] = [[], files(s)];
  const all = Promise.all(numbers(40).map(() => raw(s, '40').then((socket) => come.push(socket))));
  await until('no more to fit', () => files(s) >= 40 && come.length >= 40 - before);
  for (let n = 0; n < 100; n++) talker.emit('n', n);
  await until('all events', () => friend.numbers.length === 100);
  assert.ok(come.length < 40);
  come.slice(0, 15).forEach((socket) => socket.destroy());
  await all;
  come.forEach((socket) => socket.destroy());
});

story('SIGTERM in the midst of it, with readers that do not read: 0 within a second', async () => {
  const s = await server();
  const talker = await raw(s, '40');
  const stalled = await Promise.all(numbers(20).map(() => raw(s, '40')));
  stalled.forEach((socket) => socket.pause());
  const event = frame(`42["n","${'x'.repeat(30000)}"]`);
  const pump = setInterval(() => numbers(20).forEach(() => talker.write(event)), 5);
  await sleep(400);
  await ends(s);
  clearInterval(pump);
  [talker, ...stalled].forEach((socket) => socket.destroy());
});

story('it listens on IPv6', async () => {
  if (!Object.values(os.networkInterfaces()).flat().some(({ address }) => address === '::1')) return; // none here
  const s = keep(await serve('tcp_server', ['--listen', '[::1]:0'], ['tcp']));
  assert.match(s.tcp, /^\[::1\]:\d+$/);
  const [a, b] = [await connect(s), await connect(s)];
  a.emit('n', 6);
  await until('the event', () => b.numbers[0] === 6);
});

story('every server still ends cleanly', end);

tell();
