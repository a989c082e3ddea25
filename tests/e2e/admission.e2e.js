// Who may come in: --auth-token-file, seen by the unmodified socket.io-client, by bin/client on both
// paths, and in the list of processes.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { io } = require('socket.io-client');
const msgpack = require('socket.io-msgpack-parser');
const { start, serve, within, story, tell } = require('./harness');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'twincast-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
const file = (name, text) => {
  fs.writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
};
const token = 'open sesame';
const right = file('right', `${token}\n`);
const wrong = file('wrong', 'open barley\n');

let server;
const sockets = [];
function connect(options = {}) {
  const socket = io(`http://${server.tcp}`, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options });
  sockets.push(socket);
  return socket;
}
const event = (emitter, name) => within(name, (resolve) => emitter.once(name, (...args) => resolve(args)));

story('the server starts, and the token does not stand in its command line', async () => {
  server = await serve('lab', ['serve', '--tcp', '127.0.0.1:0', '--udp', '127.0.0.1:0', '--auth-token-file', right, '--namespace', '/news'], ['tcp', 'udp']);
  assert.ok(!fs.readFileSync(`/proc/${server.child.pid}/cmdline`).includes(token));
});

const ways = {
  'default transports': {},
  'websocket only': { transports: ['websocket'] },
  'polling only': { transports: ['polling'] },
  'msgpack parser': { parser: msgpack },
};
for (const [name, options] of Object.entries(ways)) {
  story(`${name}: refused with words and data, let in with the token`, async () => {
    const socket = connect(options);
    const [missing] = await event(socket, 'connect_error');
    assert.deepStrictEqual([missing.message, missing.data], ['not authorized', { token: 'missing' }]);
    socket.auth = { token: 'open barley' };
    const refused = event(socket, 'connect_error');
    socket.connect();
    const [other] = await refused;
    assert.deepStrictEqual([other.message, other.data], ['not authorized', { token: 'wrong' }]);
    socket.auth = (answer) => answer({ token });
    const connected = event(socket, 'connect');
    socket.connect();
    await connected;
    assert.ok((await within('answer', (resolve) => socket.emit('chat message', 'in', resolve))).eid > 0);
  });
}

story('refused in one namespace, a client stays in the other, and may ask again on the same connection', async () => {
  const socket = connect({ transports: ['websocket'], auth: { token } });
  await event(socket, 'connect');
  const { engine } = socket.io;
  const news = socket.io.socket('/news', { auth: {} }); // it connects by itself
  const refused = event(news, 'connect_error');
  assert.deepStrictEqual((await refused)[0].data, { token: 'missing' });
  assert.ok((await within('answer', (resolve) => socket.emit('chat message', 'still here', resolve))).eid > 0);
  news.auth = { token };
  const connected = event(news, 'connect');
  news.connect();
  await connected;
  assert.strictEqual(news.io.engine, engine);
  assert.notStrictEqual(news.id, socket.id);
});

story('who comes back with its private id needs no token, and misses nothing', async () => {
  const socket = connect({ transports: ['websocket'], auth: { token } });
  await event(socket, 'hello');
  const { id } = socket;
  socket.auth = {};
  const back = event(socket, 'connect');
  socket.io.engine.transport.ws._socket.destroy();
  await back;
  assert.deepStrictEqual([socket.recovered, socket.id], [true, id]);
});

for (const scheme of ['ws', 'udp']) {
  story(`bin/client over ${scheme}: with the token it is let in, without it or with another it ends with 3`, async () => {
    const url = `${scheme}://${scheme === 'ws' ? server.tcp : server.udp}`;
    const talk = (...args) => {
      const child = start('client', [url, ...args], 'pipe');
      child.stdin.end('hello\n');
      child.words = '';
      child.stderr.on('data', (text) => { child.words += text; });
      return child;
    };
    const friend = talk('--auth-token-file', right);
    assert.strictEqual(await within('its end', (resolve) => friend.ended.then(resolve)), 0);
    for (const args of [[], ['--auth-token-file', wrong]]) {
      const stranger = talk(...args);
      assert.strictEqual(await within('its end', (resolve) => stranger.ended.then(resolve)), 3);
      assert.match(stranger.words, /^client: cannot reach .*(refused|AUTH|not authorized)/i);
    }
  });
}

story('the end', async () => {
  sockets.forEach((socket) => socket.disconnect());
  server.child.kill('SIGTERM');
  assert.strictEqual(await server.child.ended, 0);
});

tell();
