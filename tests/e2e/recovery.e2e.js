// Bad weather at the TCP server, with real sockets and the unmodified socket.io-client: what is lost
// is made good or told, and whoever is not concerned notices nothing.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const { io } = require('socket.io-client');
const { bin, start, serve, within, story, tell } = require('./harness');
const { text: frame, HANDSHAKE } = require('./raw_peer');

// Freed memory is to return at once under the address sanitizer, too.
process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS || ''}:quarantine_size_mb=1:thread_local_quarantine_size_kb=64`;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const servers = [];
const sockets = [];

async function server(...args) {
  const s = await serve('tcp_server', ['--listen', '127.0.0.1:0', ...args], ['tcp']);
  servers.push(s);
  return s;
}

// A client that keeps book of the events `n`: every number heard, every eid, every gap.
async function connect(s, options = {}) {
  const socket = io(`http://${s.via || s.tcp}`, { transports: ['websocket'], forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options });
  sockets.push(socket);
  Object.assign(socket, { numbers: [], eids: [], gaps: [], ends: [] });
  socket.on('n', (n, ...rest) => {
    socket.numbers.push(n);
    socket.eids.push(Number(rest[rest.length - 1].split('-')[1]));
  });
  socket.on('gap', (gap) => socket.gaps.push(gap));
  socket.on('disconnect', (reason, details) => socket.ends.push(details && details.context ? details.context.code : reason));
  await heard(socket, 'hello');
  return socket;
}

const heard = (socket, name) => within(5000, `event ${name}`, (resolve) => socket.once(name, (...args) => resolve(args)));
const asked = (socket, ...args) => within(5000, `answer to ${args[0]}`, (resolve) => socket.emit(...args, resolve));
const wire = (socket) => socket.io.engine.transport.ws._socket;
const numbers = (n) => Array.from({ length: n }, (_, i) => i);
const until = (what, test) => within(8000, what, (resolve) => {
  const look = () => (test() ? resolve() : setTimeout(look, 10));
  look();
});

// Every eid from the first to the last was either heard or told as lost, and none twice.
function accounted(socket, from, to) {
  const times = new Map(socket.eids.map((eid) => [eid, 0]));
  socket.eids.forEach((eid) => times.set(eid, times.get(eid) + 1));
  for (let eid = from; eid <= to; eid++) {
    const lost = socket.gaps.filter((gap) => gap.room === '' && gap.from <= eid && eid <= gap.to).length;
    assert.strictEqual((times.get(eid) || 0) + lost, 1, `event ${eid}: heard ${times.get(eid) || 0} times, lost ${lost} times`);
  }
}

// A connection that reads only to throw away, and says what it likes.
function raw(s, ...texts) {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(s.tcp);
  return within(5000, 'upgrade', (resolve) => {
    const socket = net.connect(Number(port), host);
    socket.on('error', () => {});
    socket.once('data', () => resolve(socket));
    socket.on('data', () => {});
    socket.write(HANDSHAKE);
    texts.forEach((text) => socket.write(frame(text)));
  });
}

// A network that can vanish: after cut() the server's end of each connection stays open, and silent.
async function network(s) {
  const [host, port] = s.tcp.split(':');
  let pairs = [];
  const proxy = net.createServer((near) => {
    const far = net.connect(Number(port), host);
    near.pipe(far).pipe(near);
    [near, far].forEach((end) => end.on('error', () => {}));
    pairs.push({ near, far });
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  proxy.unref();
  const cut = () => {
    pairs.forEach(({ near, far }) => {
      near.unpipe(far);
      far.unpipe(near);
      far.pause();
      far.unref();
      near.destroy();
    });
    pairs = [];
  };
  return { ...s, via: `127.0.0.1:${proxy.address().port}`, cut };
}

const memory = (s) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${s.child.pid}/status`))[1]) / 1024;
const files = (s) => fs.readdirSync(`/proc/${s.child.pid}/fd`).length;

let main;

story('half open: the new connection takes over, with the same id and every missed event once', async () => {
  main = await server();
  const [talker, far] = [await connect(main), await network(main)];
  const lost = await connect(far);
  const { id } = lost;
  await asked(lost, 'join', 'red');
  await asked(talker, 'n', 0);
  await until('the first event', () => lost.numbers.length === 1);
  far.cut();
  for (let n = 1; n < 20; n++) talker.emit(n % 2 ? 'n' : 'in', ...(n % 2 ? [n] : ['red', 'n', n]));
  const [hello] = await heard(lost, 'hello');
  await until('all events', () => lost.numbers.length >= 20);
  assert.deepStrictEqual(lost.numbers, numbers(20));
  assert.deepStrictEqual([lost.recovered, lost.id, hello.id], [true, id, id]);
  assert.deepStrictEqual(await asked(talker, 'who', 'red'), [{ id, name: '' }]);
});

story('an offset at the head is good however old: the log is empty by then', async () => {
  const s = await server('--log-age', '1s', '--ping-interval', '300ms');
  const [talker, quiet, silent] = [await connect(s), await connect(s), await connect(s)];
  await asked(talker, 'in', quiet.id, 'n', 0);
  await sleep(1300);
  const back = [heard(quiet, 'hello'), heard(silent, 'hello')];
  wire(quiet).destroy();
  wire(silent).destroy();
  await Promise.all(back);
  await asked(talker, 'n', 1);
  await until('the next event', () => quiet.numbers.length === 2 && silent.numbers.length === 1);
  assert.deepStrictEqual([quiet.recovered, silent.recovered, quiet.gaps, silent.gaps], [true, true, [], []]);
});

story('partly evicted: recovered is false, the id stays, the gap is exact, the rest follows', async () => {
  const s = await server('--log-events', '50');
  const talker = await connect(s);
  const lost = await connect(s, { reconnectionDelay: 300, reconnectionDelayMax: 300, randomizationFactor: 0 });
  const { id } = lost;
  talker.emit('n', 0);
  await until('the first event', () => lost.numbers.length === 1);
  wire(lost).destroy();
  for (let n = 1; n <= 80; n++) talker.emit('broadcast', 'n', n);
  await heard(lost, 'hello');
  assert.deepStrictEqual([lost.recovered, lost.id], [false, id]);
  assert.deepStrictEqual(lost.gaps, [{ room: '', unit: 'eid', from: 2, to: 31, reason: 'evicted' }]);
  assert.deepStrictEqual(lost.numbers, [0, ...numbers(81).slice(31)]);
  const again = heard(lost, 'hello');
  wire(lost).destroy(); // and from there it is whole again
  await again;
  assert.deepStrictEqual([lost.recovered, lost.gaps.length, lost.numbers.length], [true, 1, 51]);
});

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

story('stalled readers: a close or a gap, all accounted for, the others undisturbed, memory bounded', async () => {
  const s = await server('--log-events', '100');
  const [talker, reader, plain, patient] = [await connect(s), await connect(s), await connect(s), await connect(s, { auth: { gaps: true } })];
  const [before, text] = [memory(s), 'x'.repeat(30000)];
  wire(plain).pause();
  wire(patient).pause();
  for (let n = 0; n < 1000; n += 50) {
    for (let i = 0; i < 50; i++) talker.emit('n', n + i, text);
    await asked(talker, 'who', 'nobody');
    await until('the others to hear', () => reader.numbers.length === n + 50);
  }
  assert.ok(memory(s) - before < 20, `${memory(s) - before} MiB more`);
  wire(plain).resume();
  wire(patient).resume();
  await asked(talker, 'n', 1000);
  await until('the last event', () => [plain, patient].every((r) => r.numbers.includes(1000)));
  assert.deepStrictEqual([reader.numbers, reader.ends, reader.gaps], [numbers(1001), [], []]);
  assert.deepStrictEqual([plain.ends, plain.recovered, patient.ends], [[1008], false, []]);
  [plain, patient].forEach((r) => {
    assert.ok(r.gaps.length > 0);
    accounted(r, 1, 1001);
  });
});

story('clients that are killed disturb nobody, and their rooms hear of it', async () => {
  const [talker, reader] = [await connect(main), await connect(main)];
  await asked(reader, 'join', 'blue');
  const left = [];
  reader.on('left', ({ name }) => left.push(name));
  const children = numbers(5).map((n) => start('client', [`ws://${main.tcp}`, '--room', 'blue', '--name', `k${n}`, '--json']));
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
  s.child.kill('SIGTERM');
  assert.strictEqual(await within(1000, 'end of the server', (resolve) => s.child.ended.then(resolve)), 0);
});

// Starts the server from a shell that sets a limit of open files first.
async function limited(limit) {
  const s = await serve('/bin/bash', ['-c', `${limit}; exec "$0" "$@"`, `${bin}/tcp_server`, '--listen', '127.0.0.1:0'], ['tcp']);
  servers.push(s);
  return s;
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
  const s = await limited('ulimit -n 40');
  const [talker, friend] = [await connect(s), await connect(s)];
  const come = [];
  const all = Promise.all(numbers(40).map(() => raw(s, '40').then((socket) => come.push(socket))));
  await until('no more to fit', () => files(s) >= 40);
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
  s.child.kill('SIGTERM');
  assert.strictEqual(await within(1000, 'end of the server', (resolve) => s.child.ended.then(resolve)), 0);
  clearInterval(pump);
  [talker, ...stalled].forEach((socket) => socket.destroy());
});

story('it listens on IPv6', async () => {
  if (!Object.values(os.networkInterfaces()).flat().some(({ address }) => address === '::1')) return; // none here
  const s = await serve('tcp_server', ['--listen', '[::1]:0'], ['tcp']);
  servers.push(s);
  assert.match(s.tcp, /^\[::1\]:\d+$/);
  const [a, b] = [await connect(s), await connect(s)];
  a.emit('n', 6);
  await until('the event', () => b.numbers[0] === 6);
});

story('every server still ends cleanly', async () => {
  sockets.forEach((socket) => socket.disconnect());
  servers.forEach(({ child }) => child.kill('SIGTERM'));
  for (const { child } of servers) assert.strictEqual(await child.ended, 0);
});

tell();
