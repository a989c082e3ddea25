// The application in tcp_server/README.md is taken from there, built as it is said there, and talked with: by the
// unmodified socket.io-client, and by bin/client over UDP.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { io } = require('socket.io-client');
const { bin, start, serve, within, story, tell } = require('./harness');

const root = path.join(__dirname, '../..');
const readme = fs.readFileSync(path.join(root, 'tcp_server/README.md'), 'utf8');
const block = (language, words) => readme.match(/```\w+\n[^]*?```/g).map((text) => /```(\w+)\n([^]*?)```/.exec(text))
  .find(([, of, text]) => of === language && text.includes(words))[2];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'twincast-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
const sockets = [];
let server;

function connect(nsp, auth) {
  const socket = io(`http://${server.tcp}${nsp}`, { forceNew: true, auth });
  sockets.push(socket);
  return socket;
}
const heard = (socket, name) => within(name, (resolve) => socket.once(name, (...args) => resolve(args)));
const asked = (socket, ...args) => within(`answer to ${args[0]}`, (resolve) => socket.emit(...args, resolve));

// The archive that stands beside the programs under test; sanitizers come with it.
story('it builds without a warning', () => {
  const variant = path.basename(path.dirname(path.resolve(bin)));
  const archive = path.join(path.dirname(fs.realpathSync(bin)), 'libtwincast.a');
  const more = { asan: ' -fsanitize=address,undefined', tsan: ' -fsanitize=thread' }[variant] || '';
  fs.writeFileSync(path.join(folder, 'rooms.c'), block('c', 'int main('));
  const command = block('sh', 'gcc ').replace('build/release/libtwincast.a', archive).replace('gcc', `gcc -Wall -Werror${more}`)
    .replace('rooms rooms.c', `${folder}/rooms ${folder}/rooms.c`);
  execFileSync('sh', ['-c', command], { cwd: root, stdio: 'inherit' });
});

story('clients on TCP and UDP hear each other in a room', async () => {
  server = await serve(path.join(folder, 'rooms'), ['127.0.0.1:0', '127.0.0.1:0'], ['tcp', 'udp']);
  const [ann, bob] = [connect('/', { name: 'ann' }), connect('/', { name: 'bob' })];
  assert.deepStrictEqual((await Promise.all([heard(ann, 'welcome'), heard(bob, 'welcome')])).map(([name]) => name), ['ann', 'bob']);
  assert.deepStrictEqual([await asked(ann, 'join', 'tea'), await asked(bob, 'join', 'tea')], [true, true]);
  const una = start('client', [`udp://${server.udp}`, '--room', 'tea', '--json']);
  const hears = (words) => una.until((lines) => lines.find((line) => line.includes(words)), words);
  await hears('"joined"');
  const atBob = heard(bob, 'say');
  ann.on('say', (room, words) => assert.notStrictEqual(words, 'to the others'));
  ann.emit('say', 'tea', 'to the others');
  assert.deepStrictEqual((await atBob).slice(0, 2), ['tea', 'to the others']);
  await hears('to the others');
  const both = [heard(ann, 'say'), heard(bob, 'say')];
  una.stdin.write('["say","tea","from una"]\n');
  for (const [, words] of await Promise.all(both)) assert.strictEqual(words, 'from una');
  const gone = heard(ann, 'gone');
  bob.disconnect();
  assert.strictEqual((await gone)[0], 'client namespace disconnect');
  una.stdin.end();
  assert.strictEqual(await una.ended, 0);
});

story('who has no name is not let in; /news asks for none; nobody answers what nobody knows', async () => {
  const [error] = await heard(connect('/', { token: 1 }), 'connect_error');
  assert.strictEqual(error.message, 'who are you?');
  const news = connect('/news');
  assert.strictEqual(await asked(news, 'join', 'tea'), true);
  await assert.rejects(news.timeout(100).emitWithAck('other', 'tea'), /timed out/);
});

story('who is sent away hears why, does not come back by itself, and may ask to', async () => {
  const [ann, bob] = [connect('/', { name: 'ann' }), connect('/', { name: 'bob' })];
  await Promise.all([heard(ann, 'welcome'), heard(bob, 'welcome')]);
  const [gone, left] = [heard(ann, 'gone'), heard(bob, 'disconnect')];
  bob.emit('go', 'away');
  bob.emit('say', 'tea', 'unheard');
  assert.strictEqual((await left)[0], 'io server disconnect');
  assert.strictEqual((await gone)[0], 'server namespace disconnect');
  bob.emit('say', 'tea', 'kept by the client until it is back');
  const id = bob.id;
  assert.ok(!bob.connected);
  bob.connect();
  await heard(bob, 'welcome');
  assert.ok(!bob.recovered && bob.id !== id);
});

story('on UDP as well', async () => {
  const una = start('client', [`udp://${server.udp}`, '--room', 'tea', '--json']);
  await una.until((lines) => lines.find((line) => line.includes('"joined"')), 'joined');
  const ann = connect('/', { name: 'ann' });
  await heard(ann, 'welcome');
  const gone = heard(ann, 'gone');
  una.stdin.write('["go","away"]\n');
  assert.strictEqual((await gone)[0], 'server namespace disconnect');
  una.stdin.end();
  await una.ended;
});

story('it ends with 0', async () => {
  sockets.forEach((socket) => socket.disconnect());
  server.child.kill('SIGTERM');
  assert.strictEqual(await server.child.ended, 0);
});

tell();
