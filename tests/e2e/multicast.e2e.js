// One datagram for all: bin/udp_server --multicast, three bin/clients, and receivers of our own that lose what they like.
// The group is on the loopback, which wants no right and no route.
'use strict';
const assert = require('node:assert');
const dgram = require('node:dgram');
const { start, serve, within, until, story, tell } = require('./harness');
const { UdpPeer, TYPE, parse, u8, u16, u32, u64, cat } = require('./udp_peer');

const GROUP = '232.90.1.1';
const EVENTS = 40;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let server, address, port;

// What comes by the group: { messages, datagrams }, both growing.
function overhear() {
  const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true });
  const heard = { socket, messages: [], datagrams: 0 };
  socket.on('message', (datagram, from) => {
    assert.strictEqual(`${from.address}:${from.port}`, address);
    heard.messages.push(...parse(datagram));
    heard.datagrams++;
  });
  heard.of = (type) => heard.messages.filter((m) => m.type === type);
  return within('the group', (resolve) => socket.bind(port, GROUP, () => {
    socket.addSourceSpecificMembership('127.0.0.1', GROUP, '127.0.0.1');
    resolve(heard);
  }));
}

const seq = (m) => Number(m.body.readBigUInt64BE(8));

async function peer(name) {
  const p = await (await UdpPeer.create(address)).handshake(Buffer.from(name.padEnd(16)));
  p.group = await p.of('GROUP');
  p.tea = await p.join('tea');
  return p;
}

async function listen(p, on) {
  await p.send(p.session(TYPE.LISTEN, u8(on, 0, 0, 0)));
  assert.strictEqual((await p.of('LISTEN')).body[0], on);
}

const data = (p) => p.heard.filter((m) => m.type === 'DATA' && m.body.includes('news'));

async function begin() {
  port = 20000 + Math.floor(Math.random() * 10000);
  const s = await serve('udp_server', ['--listen', '127.0.0.1:0', '--multicast', `${GROUP}:${port}`, '--verbose'], ['udp'], 'pipe');
  server = s.child;
  address = s.udp;
  server.said = '';
  server.stderr.on('data', (text) => { server.said += text; });
}

story('three clients have every event, and each was one datagram', async () => {
  await begin();
  const group = await overhear();
  const clients = ['a', 'b', 'c'].map((name) => start('client', [`udp://${address}`, '--room', 'tea', '--name', name, '--json']));
  await Promise.all(clients.map((c) => c.until((lines) => lines.some((l) => l.includes('"joined"')), 'the room')));
  await sleep(500); // until they are known to hear the group
  group.messages = [];
  for (let i = 0; i < EVENTS; i++) {
    clients[0].stdin.write(`["in","tea","news",${i}]\n`);
    await sleep(10);
  }
  const news = (c) => c.seen.map((l) => JSON.parse(l)).filter((l) => l.type === 'event' && l.event[0] === 'news').map((l) => l.event[1]);
  await until('all events', () => clients.every((c) => news(c).length === EVENTS));
  clients.forEach((c) => assert.deepStrictEqual(news(c), Array.from({ length: EVENTS }, (_, i) => i)));
  const seqs = group.of('DATA').filter((m) => m.body.includes('news')).map(seq);
  assert.strictEqual(new Set(seqs).size, EVENTS);
  assert.strictEqual(seqs.length, EVENTS);
  clients.forEach((c) => c.stdin.end());
  assert.deepStrictEqual(await Promise.all(clients.map((c) => c.ended)), [0, 0, 0]);
  group.socket.close();
});

story('who does not hear the group has every event by unicast; who does, none', async () => {
  const deaf = await peer('deaf'), hears = await peer('hears');
  assert.strictEqual(deaf.group.body.readUInt16BE(16), port);
  await listen(hears, 1);
  await deaf.send(deaf.pub(1, deaf.tea.ref, ['news', 1]));
  await until('the event', () => data(deaf).length === 1);
  await hears.still();
  assert.strictEqual(data(hears).length, 0);
  await listen(hears, 0);
  await deaf.send(deaf.pub(2, deaf.tea.ref, ['news', 2]));
  await until('the event', () => data(hears).length === 1);
  deaf.end();
  hears.end();
});

story('what is asked for is announced to all at once, and comes again once', async () => {
  const group = await overhear();
  const p = await peer('lossy'), q = await peer('another');
  await listen(p, 1);
  await listen(q, 1);
  await p.send(p.pub(1, p.tea.ref, ['news', 3]));
  await until('the event', () => group.of('DATA').some((m) => m.body.includes('news')));
  const lost = seq(group.of('DATA').find((m) => m.body.includes('news')));
  for (const one of [p, q]) await one.send(one.nack(one.tea.ref, [[lost, lost]]));
  await until('the repair', () => group.of('DATA').filter((m) => seq(m) === lost).length === 2);
  await sleep(200);
  assert.strictEqual(group.of('DATA').filter((m) => seq(m) === lost).length, 2);
  const ncf = group.of('NCF');
  assert.strictEqual(ncf.length, 1);
  assert.deepStrictEqual(ncf[0].body.subarray(8), u64(lost, lost));
  assert.ok(group.messages.indexOf(ncf[0]) < group.messages.findLastIndex((m) => m.type === 'DATA' && seq(m) === lost));
  // In vain, the third time: for it alone.
  await p.send(p.session(TYPE.NACK, cat(u32(p.tea.ref), u16(1), u8(3, 0), u64(0), u64(lost, lost))));
  await until('the repair', () => data(p).some((m) => seq(m) === lost));
  assert.strictEqual(data(q).length, 0);
  p.end();
  q.end();
  group.socket.close();
});


story('the server ends, and has counted', async () => {
  server.kill('SIGTERM');
  assert.strictEqual(await server.ended, 0);
  for (const words of ['sessions that began to hear the group', 'datagrams sent to the group', 'NCF messages', 'runs of events repaired for the whole group'])
    assert.ok(server.said.includes(words), words);
});

tell();
