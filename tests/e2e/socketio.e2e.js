// The unmodified socket.io-client against `lab serve`, beside a UDP client in the same rooms.
'use strict';
const assert = require('node:assert');
const { io } = require('socket.io-client');
const msgpack = require('socket.io-msgpack-parser');
const { start, serve, within, story, tell } = require('./harness');

let server;
const sockets = [];

function connect(options = {}) {
  const socket = io(`http://${server.tcp}`, { transports: ['websocket'], forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options });
  sockets.push(socket);
  return socket;
}

const connected = (socket) => within('connect', (resolve, reject) => {
  if (socket.connected) resolve();
  socket.once('connect', resolve);
  socket.once('connect_error', reject);
});
const heard = (socket, name) => within(`event ${name}`, (resolve) => socket.once(name, (...args) => resolve(args)));
const asked = (socket, ...args) => within(`answer to ${args[0]}`, (resolve) => socket.emit(...args, resolve));

// bin/client --json on the UDP path: a line out for each event, a JSON array in for each emit.
function udpClient(room) {
  const child = start('client', [`udp://${server.udp}`, '--room', room, '--name', 'una', '--json']);
  const objects = (lines) => lines.map((line) => JSON.parse(line));
  child.hears = (test) => child.until((lines) => objects(lines).find(test), 'event at the UDP client');
  child.say = (...event) => child.stdin.write(`${JSON.stringify(event)}\n`);
  return child;
}

story('connect gives an id and hello', async () => {
  server = await serve('lab', ['serve', '--tcp', '127.0.0.1:0', '--udp', '127.0.0.1:0'], ['tcp', 'udp']);
  const socket = connect();
  const hello = heard(socket, 'hello');
  await connected(socket);
  assert.strictEqual((await hello)[0].id, socket.id);
});

story('a message without a room reaches everyone, the sender too, and is acked', async () => {
  const [a, b] = [connect(), connect()];
  await Promise.all([connected(a), connected(b)]);
  const [atA, atB] = [heard(a, 'chat message'), heard(b, 'chat message')];
  const ack = await asked(a, 'chat message', 'tea is ready');
  assert.ok(ack.eid > 0);
  assert.strictEqual((await atA)[0], 'tea is ready');
  assert.strictEqual((await atB)[0], 'tea is ready');
});

story('rooms: join is announced, a message stays inside, strangers are refused', async () => {
  const [a, b, outside] = [connect(), connect(), connect()];
  await Promise.all([connected(a), connected(b), connected(outside)]);
  await asked(a, 'join', 'green');
  const joined = heard(a, 'joined');
  await asked(b, 'join', 'green');
  assert.deepStrictEqual((await joined)[0].id, b.id);
  let leaked = false;
  outside.on('chat message', () => { leaked = true; });
  const message = heard(b, 'chat message');
  const ack = await asked(a, 'chat message', { room: 'green', text: 'hi', n: 0.1 });
  assert.ok(ack.eid > 0 && ack.seq > 0);
  const [got] = await message;
  assert.strictEqual(got.text, 'hi');
  assert.strictEqual(got.from, a.id);
  assert.strictEqual(got.n, 0.1);
  assert.ok((await asked(outside, 'chat message', { room: 'green', text: 'let me in' })).error);
  assert.strictEqual(leaked, false);
});

story('in, to and broadcast reach whom they should', async () => {
  const [a, b] = [connect(), connect()];
  await Promise.all([connected(a), connected(b)]);
  await asked(a, 'join', 'blue');
  await asked(b, 'join', 'blue');
  const seen = [];
  a.on('ping pong', (n) => seen.push(`a${n}`));
  b.on('ping pong', (n) => seen.push(`b${n}`));
  await asked(a, 'in', 'blue', 'ping pong', 1);
  await asked(a, 'to', ['blue'], 'ping pong', 2);
  const last = heard(b, 'end');
  await asked(a, 'broadcast', 'ping pong', 3);
  await asked(a, 'in', 'blue', 'end');
  await last;
  assert.deepStrictEqual(seen.filter((x) => x[0] === 'a'), ['a1']);
  assert.deepStrictEqual(seen.filter((x) => x[0] === 'b'), ['b1', 'b2', 'b3']);
});

story('the msgpack parser speaks on the same port', async () => {
  const [json, packed] = [connect(), connect({ parser: msgpack })];
  await Promise.all([connected(json), connected(packed)]);
  const atPacked = heard(packed, 'mixed');
  await asked(json, 'mixed', { a: [1, 'two', null] });
  assert.deepStrictEqual((await atPacked)[0], { a: [1, 'two', null] });
  const atJson = heard(json, 'mixed back');
  await asked(packed, 'mixed back', 'é', 1.5);
  assert.deepStrictEqual((await atJson).slice(0, 2), ['é', 1.5]);
});

story('a UDP client in the same room hears and is heard', async () => {
  const socket = connect();
  await connected(socket);
  await asked(socket, 'join', 'twins');
  const joined = heard(socket, 'joined');
  const una = udpClient('twins');
  assert.strictEqual((await joined)[0].room, 'twins');
  await asked(socket, 'in', 'twins', 'over tcp', 1);
  await una.hears((o) => JSON.stringify(o).includes('over tcp'));
  const back = heard(socket, 'over udp');
  una.say('in', 'twins', 'over udp', { two: 2 });
  assert.deepStrictEqual((await back)[0], { two: 2 });
  const left = heard(socket, 'left');
  una.stdin.end();
  assert.strictEqual(await una.ended, 0);
  assert.strictEqual((await left)[0].room, 'twins');
});

story('a lost connection is recovered: same id, rooms, every missed event once and in order', async () => {
  const [a, b] = [connect(), connect()];
  await Promise.all([connected(a), connected(b)]);
  await asked(b, 'join', 'red');
  const id = b.id;
  const got = [];
  b.on('n', (n) => got.push(n));
  const gone = heard(b, 'disconnect');
  b.io.engine.transport.ws._socket.destroy();
  for (let n = 1; n <= 5; n++) await asked(a, 'in', 'red', 'n', n);
  await gone;
  await connected(b);
  assert.strictEqual(b.recovered, true);
  assert.strictEqual(b.id, id);
  const end = heard(b, 'end');
  await asked(a, 'in', 'red', 'end');
  await end;
  assert.deepStrictEqual(got, [1, 2, 3, 4, 5]);
});

story('recovered although it had received no event but hello', async () => {
  const [a, quiet] = [connect(), connect()];
  const hello = heard(quiet, 'hello');
  await Promise.all([connected(a), connected(quiet), hello]);
  const gone = heard(quiet, 'disconnect');
  const missed = heard(quiet, 'news');
  quiet.io.engine.transport.ws._socket.destroy();
  await asked(a, 'broadcast', 'news', 7);
  await gone;
  await connected(quiet);
  assert.strictEqual(quiet.recovered, true);
  assert.strictEqual((await missed)[0], 7);
});

story('another namespace is refused by name and the connection lives on', async () => {
  const socket = connect();
  await connected(socket);
  const other = socket.io.socket('/nowhere');
  const error = await within('connect_error', (resolve) => { other.once('connect_error', resolve); other.connect(); });
  assert.strictEqual(error.message, 'Invalid namespace');
  assert.ok((await asked(socket, 'chat message', 'still here')).eid > 0);
});

story('SIGTERM tells every client and ends with 0', async () => {
  const last = connect({ reconnection: false });
  await connected(last);
  const gone = heard(last, 'disconnect');
  server.child.kill('SIGTERM');
  await gone;
  assert.strictEqual(await server.child.ended, 0);
  sockets.forEach((socket) => socket.disconnect());
});

tell();
