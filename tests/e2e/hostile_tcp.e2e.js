// Strangers at the TCP port: each gets its documented answer or close, and the client beside them
// notices nothing.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const net = require('node:net');
const { io } = require('socket.io-client');
const { serve, within, story, tell } = require('./harness');

const url = '/socket.io/?EIO=4&transport=websocket';
const headers = 'Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n';
const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const upgrade = `GET ${url} HTTP/1.1\r\n${headers}${key}\r\n`;

let server;
let friend;

// The client that must not be disturbed: it is still connected, and its calls are answered.
async function undisturbed() {
  assert.ok(friend.connected);
  await within(2000, 'answer to the friend', (resolve) => friend.emit('chat message', 'still here', resolve));
}

// Sends and collects until the server closes; resolves with all that came, in latin1.
function stranger(bytes, { then = [], ms = 5000 } = {}) {
  return within(ms, 'close by the server', (resolve, reject) => {
    const [host, port] = server.tcp.split(':');
    const socket = net.connect(Number(port), host);
    let got = '';
    let step = 0;
    socket.on('data', (data) => {
      got += data.toString('latin1');
      if (step < then.length) socket.write(then[step++]);
    });
    socket.on('end', () => { socket.end(); resolve(got); });
    socket.on('error', (error) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(got) : reject(error)));
    socket.write(bytes);
  });
}

function frame(opcode, payload, { masked = true, fin = 0x80 } = {}) {
  const body = Buffer.from(payload);
  const length = body.length < 126 ? [body.length] : [126, body.length >> 8, body.length & 255];
  const head = Buffer.from([fin | opcode, length[0] | (masked ? 0x80 : 0), ...length.slice(1)]);
  return Buffer.concat([head, masked ? Buffer.alloc(4) : Buffer.alloc(0), body]);
}

const closeCode = (got) => {
  const at = got.lastIndexOf('\x88');
  return at < 0 ? 0 : got.length - at >= 4 ? got.charCodeAt(at + 2) * 256 + got.charCodeAt(at + 3) : 1005;
};

story('a friend connects', async () => {
  server = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--max-payload', '1000b', '--connect-timeout', '300ms'], ['tcp']);
  friend = io(`http://${server.tcp}`, { transports: ['websocket'], reconnection: false });
  await within(3000, 'connect', (resolve) => friend.on('connect', resolve));
  await undisturbed();
});

const refusals = [
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', /^HTTP\/1\.1 400 /],
  ['an older protocol', upgrade.replace('EIO=4', 'EIO=3'), /"code":5/],
  ['long polling', `GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n`, /"code":0/],
  ['another path', upgrade.replace('/socket.io/', '/'), /^HTTP\/1\.1 404 /],
  ['a space before a colon', upgrade.replace('Host:', 'Host :'), /^HTTP\/1\.1 400 /],
  ['a head without end', `GET ${url} HTTP/1.1\r\nX: ${'x'.repeat(70000)}`, /^HTTP\/1\.1 431 /],
];
for (const [name, bytes, answer] of refusals) {
  story(`refused: ${name}`, async () => {
    assert.match(await stranger(bytes), answer);
    await undisturbed();
  });
}

const closes = [
  ['no mask', frame(1, '40', { masked: false }), 1002],
  ['a reserved bit', frame(0x41, '40'), 1002],
  ['text that is none', frame(1, Buffer.from([0xff, 0xfe])), 1007],
  ['a message too large', frame(1, 'x'.repeat(1001)), 1009],
  ['sixteen terabytes announced', Buffer.from([0x82, 0xff, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
  ['a packet of nonsense', frame(1, '4abc'), 1005],
  ['an event before CONNECT', frame(1, '42["x"]'), 1005],
  ['a reserved name', Buffer.concat([frame(1, '40'), frame(1, '42["disconnect"]')]), 1005],
  ['an empty text', frame(1, ''), 1005],
  ['depth', Buffer.concat([frame(1, '40'), frame(1, `42["x",${'['.repeat(400)}${']'.repeat(400)}]`)]), 1005],
  ['137 gigabytes of msgpack', frame(2, Buffer.from([0x81, 0xdd, 0xff, 0xff, 0xff, 0xff])), 1005],
];
for (const [name, bytes, code] of closes) {
  story(`closed: ${name}`, async () => {
    const got = await stranger(Buffer.concat([Buffer.from(upgrade), bytes]));
    assert.match(got, /^HTTP\/1\.1 101 /);
    assert.strictEqual(closeCode(got), code);
    await undisturbed();
  });
}

story('closed: no CONNECT in time', async () => {
  assert.strictEqual(closeCode(await stranger(upgrade)), 1005);
  await undisturbed();
});

story('random bytes, before and after the upgrade', async () => {
  const random = Array.from({ length: 40 }, (_, i) => stranger(
    i % 2 ? crypto.randomBytes(500) : Buffer.concat([Buffer.from(upgrade), crypto.randomBytes(500)])));
  await Promise.all(random);
  await undisturbed();
});

story('one that publishes and never reads holds nobody up', async () => {
  const [host, port] = server.tcp.split(':');
  const socket = net.connect(Number(port), host);
  socket.on('error', () => {});
  socket.pause();
  socket.write(upgrade);
  socket.write(frame(1, '40'));
  const event = Buffer.concat(Array.from({ length: 200 }, (_, i) => frame(1, `42${i}["x","${'y'.repeat(400)}"]`)));
  for (let i = 0; i < 20; i++) {
    socket.write(event);
    await undisturbed();
  }
  socket.destroy();
  await undisturbed();
});

story('the server ends cleanly after all that', async () => {
  server.child.kill('SIGTERM');
  assert.strictEqual(await server.child.ended, 0);
});

tell();
