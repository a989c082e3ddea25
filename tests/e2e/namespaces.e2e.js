// The unmodified socket.io-client and what it may ask of an application: binary, acks both ways,
// several namespaces on one connection; with the default parser and with msgpack, over each transport.
'use strict';
const assert = require('node:assert');
const { io } = require('socket.io-client');
const msgpack = require('socket.io-msgpack-parser');
const { serve, within, story, tell } = require('./harness');

let chat;
let echo;
let transports;
const sockets = [];

function connect(server, nsp = '/', options = {}) {
  const socket = io(`http://${server.tcp}${nsp}`, { transports, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options });
  sockets.push(socket);
  return socket;
}

const connected = (socket) => within('connect', (resolve, reject) => {
  if (socket.connected) resolve();
  socket.once('connect', resolve);
  socket.once('connect_error', reject);
});
const heard = (socket, name) => within(`event ${name}`, (resolve) => socket.once(name, (...args) => resolve(args)));
const asked = (socket, ...args) => within(`answer to ${args[0]}`, (resolve) => socket.emit(...args, (...got) => resolve(got)));

const blob = (n, size = 8) => Buffer.alloc(size, n);

story('two servers', async () => {
  chat = await serve('tcp_server', ['--listen', '127.0.0.1:0'], ['tcp']);
  echo = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--app', 'echo'], ['tcp']);
});

for (const over of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  story(`binary from a client reaches every parser, and the sender, over ${over}`, async () => {
    transports = over;
    const [json, packed] = [connect(chat), connect(chat, '/', { parser: msgpack })];
    await Promise.all([connected(json), connected(packed)]);
    for (const [from, name] of [[json, 'from json'], [packed, 'from msgpack']]) {
      const [atJson, atPacked] = [heard(json, name), heard(packed, name)];
      const [ack] = await asked(from, name, blob(1), { list: [blob(2, 70000)], n: 1 });
      assert.ok(ack.eid > 0);
      for (const [first, second] of [await atJson, await atPacked]) {
        assert.ok(blob(1).equals(Buffer.from(first)));
        assert.ok(blob(2, 70000).equals(Buffer.from(second.list[0])));
        assert.strictEqual(second.n, 1);
      }
    }
  });

  story(`ten attachments pass, eleven close the connection, over ${over}`, async () => {
    transports = over;
    const socket = connect(chat, '/', { reconnection: false });
    await connected(socket);
    const back = heard(socket, 'ten');
    await asked(socket, 'ten', ...Array.from({ length: 10 }, (_, i) => blob(i)));
    (await back).slice(0, 10).forEach((got, i) => assert.ok(blob(i).equals(got)));
    const gone = heard(socket, 'disconnect');
    socket.emit('eleven', ...Array.from({ length: 11 }, (_, i) => blob(i)));
    assert.match((await gone)[0], /^transport (close|error)$/); // error: its POST met the end
  });

  story(`echo: auth first, message-back, answers, in two namespaces on one connection, over ${over}`, async () => {
    transports = over;
    for (const parser of [undefined, msgpack]) {
      const root = connect(echo, '/', { auth: { token: 'abc' }, ...(parser && { parser }) });
      const custom = root.io.socket('/custom', { auth: { token: 'def' } });
      const auths = [heard(root, 'auth'), heard(custom, 'auth')];
      custom.connect();
      await Promise.all([connected(root), connected(custom)]);
      assert.strictEqual(root.io.engine, custom.io.engine);
      assert.notStrictEqual(root.id, custom.id);
      assert.deepStrictEqual(await auths[0], [{ token: 'abc' }]);
      assert.deepStrictEqual(await auths[1], [{ token: 'def' }]);
      for (const socket of [root, custom]) {
        const back = heard(socket, 'message-back');
        socket.emit('message', 1, '2', { 3: [true] }, blob(4));
        const got = await back;
        assert.deepStrictEqual(got.slice(0, 3), [1, '2', { 3: [true] }]);
        assert.ok(blob(4).equals(Buffer.from(got[3])));
        const answer = await asked(socket, 'message-with-ack', 5, blob(6, 3000));
        assert.strictEqual(answer[0], 5);
        assert.ok(blob(6, 3000).equals(Buffer.from(answer[1])));
      }
      custom.disconnect();
      assert.deepStrictEqual(await asked(root, 'message-with-ack', 'still here'), ['still here']);
      custom.connect();
      await connected(custom);
      assert.deepStrictEqual(await asked(custom, 'message-with-ack', 'again'), ['again']);
      custom.disconnect();
      root.disconnect();
    }
  });

  story(`an unknown namespace is refused, the others live on, over ${over}`, async () => {
    transports = over;
    const root = connect(echo);
    const nowhere = root.io.socket('/nowhere');
    const refused = within('connect_error', (resolve) => nowhere.once('connect_error', resolve));
    nowhere.connect();
    assert.strictEqual((await refused).message, 'Invalid namespace');
    assert.deepStrictEqual(await asked(root, 'message-with-ack', 1), [1]);
  });

  story(`the server asks, clients answer: one, all, partial when time is up, over ${over}`, async () => {
    transports = over;
    const own = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--app', 'echo'], ['tcp']); // nobody else is asked
    const [json, packed] = [connect(own, '/custom'), connect(own, '/custom', { parser: msgpack })];
    await Promise.all([connected(json), connected(packed)]);
    for (const socket of [json, packed]) {
      socket.once('what', (data, answer) => answer(data, 'seen'));
      const answers = heard(socket, 'answers');
      socket.emit('ask', 'what', blob(9));
      const [asked_, [[data, word]]] = await answers;
      assert.strictEqual(asked_, 1);
      assert.ok(blob(9).equals(Buffer.from(data)));
      assert.strictEqual(word, 'seen');
    }
    json.on('vote', (answer) => answer('json'));
    packed.once('vote', (answer) => answer('packed'));
    const all = heard(json, 'answers');
    packed.emit('ask-all', 'vote');
    assert.deepStrictEqual((await all).map((x) => (Array.isArray(x) ? x.flat().sort() : x)), [2, ['json', 'packed']]);
    const partial = heard(json, 'answers');
    packed.emit('ask-all', 'vote'); // packed does not listen any more
    assert.deepStrictEqual(await partial, [2, [['json']]]);
    own.child.kill('SIGTERM');
    assert.strictEqual(await own.child.ended, 0);
  });
}

story('a binary event that was missed comes whole', async () => {
  transports = ['websocket'];
  const [a, b] = [connect(chat), connect(chat)];
  const hello = heard(b, 'hello');
  await Promise.all([connected(a), connected(b), hello]);
  const missed = heard(b, 'picture');
  const gone = heard(b, 'disconnect');
  b.io.engine.transport.ws._socket.destroy();
  await asked(a, 'broadcast', 'picture', blob(7, 3000), 'after');
  await gone;
  const [picture, word] = await missed;
  assert.ok(blob(7, 3000).equals(picture));
  assert.strictEqual(word, 'after');
  assert.strictEqual(b.recovered, true);
});

story('the end', async () => {
  sockets.forEach((socket) => socket.disconnect());
  for (const { child } of [chat, echo]) {
    child.kill('SIGTERM');
    assert.strictEqual(await child.ended, 0);
  }
});

tell();
