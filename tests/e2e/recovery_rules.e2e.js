// The rules of recovery that go beyond the twelve points (tcp_server/README.md, "Recovery"), with the
// unmodified socket.io-client, in whichever way it is connected.
'use strict';
const assert = require('node:assert');
const { story, tell } = require('./harness');
const { ways, server, end, connect, keepBook, heard, asked, numbers, until, network, offset } = require('./book');

let main;
let talker;

story('the server starts', async () => {
  main = await server('--namespace', '/news');
  talker = await connect(main);
});

// Breaks the network under the sockets and has them notice.
async function lose(far, ...lost) {
  const gone = lost.map((socket) => heard(socket, 'disconnect'));
  far.down();
  await Promise.all(gone);
}

// Mends it, and has them back.
async function mend(far, ...lost) {
  const back = lost.map((socket) => heard(socket, 'hello'));
  far.up();
  await Promise.all(back);
}

for (const [name, way] of Object.entries(ways)) {
  story(`two namespaces on one connection, each recovered for itself: ${name}`, async () => {
    const far = await network(main);
    const [anchor, speaker] = [await connect(far, way), await connect(main, {}, '/news')];
    const news = keepBook(anchor.io.socket('/news')); // it connects by itself
    await heard(news, 'hello');
    const ids = [anchor.id, news.id];
    for (let n = 0; n < 3; n++) await asked(speaker, 'n', n); // so the eids of the two differ
    await asked(talker, 'n', 100);
    await until('the first events', () => news.numbers.length === 3 && anchor.numbers.length === 1);
    await lose(far, anchor, news);
    for (let n = 1; n < 20; n++) await Promise.all([asked(talker, 'n', 100 + n), asked(speaker, 'n', 2 + n)]);
    await mend(far, anchor, news);
    assert.deepStrictEqual([anchor.recovered, news.recovered, anchor.id, news.id], [true, true, ...ids]);
    assert.deepStrictEqual([anchor.ends.length, news.ends.length], [1, 1]);
    assert.deepStrictEqual([anchor.numbers, news.numbers], [numbers(20, 100), numbers(22)]);
    news.disconnect(); // goodbye to one is no goodbye to the other
    await asked(anchor, 'who', 'nobody'); // it has arrived
    await lose(far, anchor);
    await asked(talker, 'n', 120);
    far.up();
    await heard(anchor, 'hello');
    news.connect();
    await heard(news, 'hello');
    assert.deepStrictEqual([anchor.recovered, news.recovered, news.id === ids[1]], [true, false, false]);
    assert.deepStrictEqual(anchor.numbers, numbers(21, 100));
    [anchor, news, speaker].forEach((socket) => socket.disconnect());
  });

  story(`a replay that breaks off, again and again: every event once and in order: ${name}`, async () => {
    const far = await network(main);
    const lost = await connect(far, way);
    const [count, text] = [300, 'x'.repeat(20000)];
    await lose(far, lost);
    for (let n = 0; n < count; n += 20) await Promise.all(numbers(20, n).map((i) => asked(talker, 'n', i, text)));
    let breaks = 0;
    lost.on('n', (n) => {
      if (n % 60 !== 59 || n < breaks * 60) return;
      breaks++;
      far.down();
      setTimeout(far.up, 20);
    });
    far.up();
    await until('all of it', () => lost.numbers.length >= count);
    assert.deepStrictEqual([lost.numbers, lost.recovered, lost.gaps], [numbers(count), true, []]);
    assert.strictEqual(breaks, count / 60);
    lost.disconnect();
  });

  story(`the CONNECT reply goes first, then what was missed, then hello: ${name}`, async () => {
    const far = await network(main);
    const lost = await connect(far, way);
    await lose(far, lost);
    for (let n = 0; n < 3; n++) await asked(talker, 'n', n);
    const packets = [];
    lost.io.on('packet', ({ type, data }) => packets.push(type === 0 ? 'CONNECT' : data[0]));
    await mend(far, lost);
    assert.deepStrictEqual(packets, ['CONNECT', 'n', 'n', 'n', 'hello']);
    lost.disconnect();
  });
}

// The network loses what the server says, not what the client says: a client that polls says nothing
// more then, since its POST has no answer.
for (const [name, way] of Object.entries(ways).filter(([, { transports }]) => transports.includes('websocket'))) {
  story(`what it published for others, and what others meant for others, is not replayed: ${name}`, async () => {
    const far = await network(main);
    const lost = await connect(far, way);
    const other = await connect(main);
    for (const socket of [lost, other]) await asked(socket, 'join', 'pair');
    far.deafen();
    lost.emit('broadcast', 'n', 0);
    lost.emit('to', 'pair', 'n', 1);
    lost.emit('in', 'pair', 'n', 2);
    lost.emit('n', 3);
    await until('all of it at the other', () => other.numbers.length === 4);
    await asked(other, 'to', lost.id, 'n', 4); // to this one alone
    await asked(other, 'in', other.id, 'n', 5);
    await asked(talker, 'in', 'nobody', 'n', 6);
    await lose(far, lost);
    await mend(far, lost);
    assert.deepStrictEqual([lost.numbers, other.numbers, lost.recovered], [[2, 3, 4], [0, 1, 2, 3, 5], true]);
    [lost, other].forEach((socket) => socket.disconnect());
  });

  story(`rooms are judged as they were at each event: left before, left since, joined since: ${name}`, async () => {
    const far = await network(main);
    const lost = await connect(far, way);
    for (const room of ['stays', 'goes']) await asked(lost, 'join', room);
    far.deafen();
    await asked(talker, 'in', 'goes', 'n', 0);
    await asked(talker, 'join', 'comes'); // to hear of it
    lost.emit('leave', 'goes');
    lost.emit('join', 'comes');
    const there = [];
    talker.on('joined', ({ room }) => there.push(room));
    await until('the change', () => there.includes('comes'));
    talker.off('joined');
    await asked(talker, 'leave', 'comes');
    for (const [n, room] of ['goes', 'comes', 'stays', 'goes'].entries()) await asked(talker, 'in', room, 'n', n + 1);
    await asked(talker, 'in', ['goes', 'stays', 'comes'], 'n', 5);
    await lose(far, lost);
    await asked(talker, 'in', 'stays', 'n', 6);
    await mend(far, lost);
    assert.deepStrictEqual([lost.numbers, lost.recovered], [[0, 2, 3, 5, 6], true]);
    lost.disconnect();
  });
}

story('left is said when the connection is lost, joined when it is back', async () => {
  const far = await network(main);
  const [lost, friend] = [await connect(far), await connect(main)];
  for (const socket of [friend, lost]) await asked(socket, 'join', 'porch');
  const { id } = lost;
  const left = heard(friend, 'left');
  await lose(far, lost);
  assert.deepStrictEqual((await left)[0], { room: 'porch', id, name: '' });
  assert.deepStrictEqual((await asked(friend, 'who', 'porch')).map((who) => who.id), [friend.id]);
  const joined = heard(friend, 'joined');
  await mend(far, lost);
  assert.deepStrictEqual((await joined)[0], { room: 'porch', id, name: '' });
  [lost, friend].forEach((socket) => socket.disconnect());
});

story('who said goodbye is not recovered', async () => {
  const socket = await connect(main);
  const { id, _pid: pid } = socket;
  socket.disconnect();
  socket.connect();
  await heard(socket, 'hello');
  assert.ok(!socket.recovered && socket.id !== id && socket._pid !== pid);
  socket.disconnect();
});

// What the client sends back as its place, and what comes of it.
const places = {
  'above the head': [({ epoch, eid }) => `${epoch}-${eid + 1000000}`, false, []],
  'of another epoch: from its start': [({ epoch, eid }) => `${epoch ^ 1}-${eid}`, true, [0, 1, 2]],
  'no offset at all, but text: from its start': [() => 'sunny', true, [0, 1, 2]],
  'before its start: from its start': [({ epoch }) => `${epoch}-1`, true, [0, 1, 2]],
  'as it was: from there': [({ epoch, eid }) => `${epoch}-${eid}`, true, [2]],
};
for (const [name, [place, recovered, replayed]] of Object.entries(places)) {
  story(`an offset ${name}`, async () => {
    const far = await network(main);
    const lost = await connect(far);
    const { id } = lost;
    for (const n of [0, 1]) await asked(talker, 'n', n);
    await until('them', () => lost.numbers.length === 2);
    await lose(far, lost);
    await asked(talker, 'n', 2);
    lost._lastOffset = place(offset([lost._lastOffset]));
    lost.numbers = [];
    await mend(far, lost);
    assert.deepStrictEqual([lost.recovered, lost.id === id, lost.numbers], [recovered, recovered, replayed]);
    lost.disconnect();
  });
}

story('a private id of another namespace, or an invented one, is nobody\'s', async () => {
  for (const pid of [talker._pid, 'AAAAAAAAAAAAAAAAAAAA00', '', 7, null, { a: 1 }]) {
    const stranger = await connect(main, { auth: { pid, offset: talker._lastOffset } }, '/news');
    assert.ok(!stranger.recovered && stranger.id !== talker.id);
    stranger.disconnect();
  }
  assert.ok(talker.connected);
});

story('every server still ends cleanly', end);

tell();
