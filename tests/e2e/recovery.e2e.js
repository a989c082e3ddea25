// Recovery where the reference loses events: the twelve points of that comparison, by their numbers, and
// the rules of the core that a client can see. All with the unmodified socket.io-client; its network
// breaks, goes silent, or brings it back twice.
'use strict';
const assert = require('node:assert');
const { io } = require('socket.io-client');
const msgpack = require('socket.io-msgpack-parser');
const { serve, start, story, tell } = require('./harness');
const { ways, keep, server, memory, end, connect, keepBook, heard, asked, wire, numbers, until, sleep, accounted, network, offset } = require('./book');
const { RawPeer, REST } = require('./raw_peer');
const { UdpPeer } = require('./udp_peer');

let main;
let talker;

story('the server starts', async () => {
  main = await server('--namespace', '/news');
  talker = await connect(main);
});

// ---- 1. a client that has received no event yet ----------------------------------------------------

for (const [name, way] of Object.entries(ways)) {
  story(`1. recovered although it had heard nothing but hello: ${name}`, async () => {
    const far = await network(main);
    const quiet = await connect(far, way);
    const { id } = quiet;
    far.down();
    await heard(quiet, 'disconnect');
    for (let n = 0; n < 5; n++) await asked(talker, 'broadcast', 'n', n);
    far.up();
    await heard(quiet, 'hello');
    assert.deepStrictEqual([quiet.recovered, quiet.id, quiet.numbers], [true, id, numbers(5)]);
    quiet.disconnect();
  });
}

story('1. and although not even hello came: without an offset it goes on from its start', async () => {
  const far = await network(main);
  const quiet = await connect(far);
  far.down();
  await heard(quiet, 'disconnect');
  quiet._lastOffset = undefined; // as if the network had broken between the CONNECT reply and hello
  for (let n = 0; n < 5; n++) await asked(talker, 'broadcast', 'n', n);
  far.up();
  await heard(quiet, 'hello');
  assert.deepStrictEqual([quiet.recovered, quiet.numbers], [true, numbers(5)]);
  quiet.disconnect();
});

// ---- 2. a volatile event whose last argument is text -----------------------------------------------

for (const [name, way] of Object.entries(ways)) {
  story(`2. a volatile event that ends in text poisons nothing: ${name}`, async () => {
    const s = keep(await serve('lab', ['serve', '--tcp', '127.0.0.1:0', '--udp', '127.0.0.1:0'], ['tcp', 'udp']));
    const [own, volatile] = [1, 2];
    const udp = await UdpPeer.create(s.udp).then((peer) => peer.handshake());
    const far = await network(s);
    const socket = await connect(far, way);
    let mood;
    let id = 0;
    socket.once('mood', (...args) => { mood = args; });
    while (!mood) { // a polling client hears none between two GETs
      await udp.send(udp.pub(++id, 2, ['mood', 'sunny'], { flags: own | volatile }));
      await sleep(20);
    }
    assert.strictEqual(mood[0], 'sunny');
    assert.ok(offset(mood).eid > 0);
    far.down();
    await heard(socket, 'disconnect');
    await udp.send(udp.pub(++id, 2, ['n', 0], { flags: own }));
    await udp.send(udp.pub(++id, 2, ['n', 1], { flags: own | volatile })); // nobody there: gone
    await udp.send(udp.pub(++id, 2, ['n', 2], { flags: own }));
    await udp.still();
    far.up();
    await heard(socket, 'hello');
    assert.deepStrictEqual([socket.recovered, socket.numbers, socket.gaps], [true, [0, 2], []]);
    socket.disconnect();
    udp.end();
  });
}

// ---- 3. the old connection is half open ------------------------------------------------------------

for (const [name, way] of Object.entries(ways)) {
  story(`3. half open: the new connection takes over, with the same id and every missed event once: ${name}`, async () => {
    const far = await network(main);
    const lost = await connect(far, way);
    const { id } = lost;
    const room = `red, ${name}`;
    await asked(lost, 'join', room);
    await asked(talker, 'n', 0);
    await until('the first event', () => lost.numbers.length === 1);
    const moves = [];
    talker.on('left', (who) => moves.push(who));
    await asked(talker, 'join', room);
    far.cut();
    await heard(lost, 'disconnect');
    for (let n = 1; n < 20; n++) talker.emit(n % 2 ? 'n' : 'in', ...(n % 2 ? [n] : [room, 'n', n]));
    await asked(talker, 'leave', room);
    far.up();
    const [hello] = await heard(lost, 'hello');
    await until('all events', () => lost.numbers.length >= 20);
    assert.deepStrictEqual(lost.numbers, numbers(20));
    assert.deepStrictEqual([lost.recovered, lost.id, hello.id, moves], [true, id, id, []]);
    assert.deepStrictEqual(await asked(talker, 'who', room), [{ id, name: '' }]);
    talker.off('left');
    lost.disconnect();
  });
}

// ---- 4. the same private id twice at once -----------------------------------------------------------

// Another client with that one's private id and place, as its reconnect would be.
function twin(socket, options) {
  const other = keepBook(io(`http://${main.tcp}`, { ...ways.websocket, forceNew: true, autoConnect: false, reconnection: false, ...options }));
  Object.assign(other, { _pid: socket._pid, _lastOffset: socket._lastOffset });
  return other;
}

for (const [name, way] of Object.entries(ways)) {
  story(`4. the same private id again while the first is up: the later wins, the earlier is closed: ${name}`, async () => {
    const first = await connect(main, { ...way, reconnection: false });
    const { id } = first;
    const [gone, second] = [heard(first, 'disconnect'), twin(first, way)];
    const hello = heard(second, 'hello');
    second.connect();
    await Promise.all([gone, hello]);
    await asked(talker, 'n', 7);
    await until('the event', () => second.numbers.length === 1);
    assert.deepStrictEqual([second.id, second.recovered, second.numbers, first.numbers], [id, true, [7], []]);
    second.disconnect();
  });
}

story('4. ten times at once: one is left, and hears every event once', async () => {
  const first = await connect(main, { reconnection: false });
  await asked(first, 'join', 'once');
  const gone = heard(first, 'disconnect');
  const all = numbers(10).map((n) => twin(first, Object.values(ways)[n % 3 === 2 ? 3 : 0])); // JSON and msgpack
  all.forEach((socket) => socket.connect());
  await gone;
  await until('one to be left', () => all.filter((socket) => socket.connected).length === 1 && all.every((socket) => socket.connected || socket.ends.length));
  await asked(talker, 'in', 'once', 'n', 1);
  const [left] = all.filter((socket) => socket.connected);
  await until('the event', () => left.numbers.length === 1);
  assert.strictEqual((await asked(talker, 'who', 'once')).length, 1);
  assert.strictEqual(all.reduce((sum, socket) => sum + socket.numbers.length, 0), 1);
  left.disconnect();
});

// ---- 5. a quiet connection ---------------------------------------------------------------------------

story('5. an offset at the head is good however old: the log is empty by then', async () => {
  const s = await server('--log-age', '1s', '--ping-interval', '300ms');
  const far = await network(s);
  const speaker = await connect(s);
  const quiet = await Promise.all(Object.values(ways).map((way) => connect(far, way)));
  for (const socket of quiet.slice(1)) await asked(speaker, 'in', socket.id, 'n', 0); // the first hears nothing at all
  await sleep(1300);
  far.down();
  await Promise.all(quiet.map((socket) => heard(socket, 'disconnect')));
  far.up();
  await Promise.all(quiet.map((socket) => heard(socket, 'hello')));
  await asked(speaker, 'n', 1);
  await until('the next event', () => quiet.every((socket) => socket.numbers.includes(1)));
  for (const socket of quiet) assert.deepStrictEqual([socket.recovered, socket.gaps], [true, []]);
});

// ---- 6. partly evicted -------------------------------------------------------------------------------

for (const [name, way] of Object.entries(ways)) {
  story(`6. partly evicted: recovered is false, the id stays, the gap is exact, the rest follows: ${name}`, async () => {
    const s = await server('--log-events', '50');
    const far = await network(s);
    const speaker = await connect(s);
    const lost = await connect(far, way);
    const { id } = lost;
    speaker.emit('n', 0);
    await until('the first event', () => lost.numbers.length === 1);
    far.down();
    await heard(lost, 'disconnect');
    for (let n = 1; n < 80; n++) speaker.emit('broadcast', 'n', n);
    await asked(speaker, 'broadcast', 'n', 80);
    far.up();
    await heard(lost, 'hello');
    assert.deepStrictEqual([lost.recovered, lost.id], [false, id]);
    assert.deepStrictEqual(lost.gaps, [{ room: '', unit: 'eid', from: 2, to: 31, reason: 'evicted' }]);
    assert.deepStrictEqual(lost.numbers, [0, ...numbers(50, 31)]);
    far.down(); // and from there it is whole again
    await heard(lost, 'disconnect');
    far.up();
    await heard(lost, 'hello');
    assert.deepStrictEqual([lost.recovered, lost.gaps.length, lost.numbers.length], [true, 1, 51]);
  });
}

// ---- 7. a bounded log, slow readers are cursors ------------------------------------------------------

story('7. stalled readers: a close or a gap, all accounted for, the others undisturbed, memory bounded', async () => {
  const s = await server('--log-events', '100');
  const [speaker, reader, plain, patient] = [await connect(s), await connect(s), await connect(s), await connect(s, { auth: { gaps: true } })];
  const [before, text] = [memory(s), 'x'.repeat(30000)];
  wire(plain).pause();
  wire(patient).pause();
  for (let n = 0; n < 1000; n += 50) {
    for (let i = 0; i < 50; i++) speaker.emit('n', n + i, text);
    await asked(speaker, 'who', 'nobody');
    await until('the others to hear', () => reader.numbers.length === n + 50);
  }
  assert.ok(memory(s) - before < 20, `${memory(s) - before} MiB more`);
  wire(plain).resume();
  wire(patient).resume();
  await asked(speaker, 'n', 1000);
  await until('the last event', () => [plain, patient].every((r) => r.numbers.includes(1000)));
  assert.deepStrictEqual([reader.numbers, reader.ends, reader.gaps], [numbers(1001), [], []]);
  assert.deepStrictEqual([plain.ends, plain.recovered, patient.ends], [[1008], false, []]);
  [plain, patient].forEach((r) => {
    assert.ok(r.gaps.length > 0);
    accounted(r, 1, 1001);
  });
});

// ---- 8. a restart ------------------------------------------------------------------------------------

story('8. the log is in memory: after a restart recovered is false, with another epoch, and nothing old is mistaken', async () => {
  const s = await serve('tcp_server', ['--listen', '127.0.0.1:0'], ['tcp']);
  const far = await network(s);
  const socket = await connect(far);
  for (let n = 0; n < 3; n++) await asked(socket, 'n', n);
  const { id, _lastOffset: before } = socket;
  far.down();
  await heard(socket, 'disconnect');
  s.child.kill('SIGKILL');
  await s.child.ended;
  const next = keep(await serve('tcp_server', ['--listen', s.tcp], ['tcp']));
  far.up();
  const [, last] = await heard(socket, 'hello');
  assert.deepStrictEqual([socket.recovered, socket.id === id], [false, false]);
  assert.notStrictEqual(offset([last]).epoch, offset([before]).epoch);
  const speaker = await connect(next);
  await asked(speaker, 'n', 3);
  await until('the event', () => socket.numbers.length === 4);
  assert.deepStrictEqual([socket.numbers, socket.gaps], [numbers(4), []]);
});

// ---- 9. from the client to the server ----------------------------------------------------------------

const heardBy = (socket, n) => socket.numbers.filter((x) => x === n).length;

for (const [name, way] of Object.entries(ways)) {
  story(`9. published, the answer lost, published again with the same $pub: one event, the same answer: ${name}`, async () => {
    const far = await network(main);
    const [socket, witness] = [await connect(far, way), await connect(main)];
    far.deafen();
    socket.emit('n', 1, { text: 'hi', $pub: 'first' }, () => assert.fail('an answer came through'));
    await until('the event', () => heardBy(witness, 1) === 1);
    far.down();
    await heard(socket, 'disconnect');
    far.up();
    await heard(socket, 'hello');
    const answer = await asked(socket, 'n', 1, { text: 'hi', $pub: 'first' });
    assert.deepStrictEqual(answer, { eid: witness.eids[0], seq: answer.seq });
    await asked(socket, 'n', 2, { $pub: 'second' });
    await until('the next one', () => witness.numbers.includes(2) && socket.numbers.includes(2));
    assert.deepStrictEqual([socket.recovered, socket.numbers, witness.numbers], [true, [1, 2], [1, 2]]);
    [socket, witness].forEach((s) => s.disconnect());
  });
}

for (const [name, last, times] of [['publish once with a $pub', { $pub: 'r' }, (n) => n === 1], ['at least once without', {}, (n) => n > 1]]) {
  story(`9. the client's own retries ${name}`, async () => {
    const far = await network(main);
    const [socket, witness] = [await connect(far, { retries: 20, ackTimeout: 100 }), await connect(main)];
    far.deafen();
    const answered = new Promise((resolve) => socket.emit('n', 1, last, (err, answer) => resolve([err, answer])));
    await until('the event', () => heardBy(witness, 1) > 0);
    await sleep(350); // three more tries, whose answers are lost
    far.down();
    await heard(socket, 'disconnect');
    far.up();
    const [err, answer] = await answered;
    assert.strictEqual(err, null);
    await asked(witness, 'n', 2);
    await until('the next one', () => witness.numbers.includes(2));
    assert.ok(times(heardBy(witness, 1)), `heard ${heardBy(witness, 1)} times`);
    assert.ok(witness.eids.includes(answer.eid));
    [socket, witness].forEach((s) => s.disconnect());
  });
}

story('9. ids in rooms, in another namespace, and what was refused', async () => {
  const [a, news] = [await connect(main), await connect(main, {}, '/news')];
  assert.ok((await asked(a, 'chat message', { room: 'nine', text: 'x', $pub: 'p' })).error);
  await asked(a, 'join', 'nine');
  const first = await asked(a, 'chat message', { room: 'nine', text: 'x', $pub: 'p' });
  assert.deepStrictEqual(await asked(a, 'chat message', { room: 'nine', text: 'again', $pub: 'p' }), first);
  assert.notDeepStrictEqual(await asked(news, 'in', 'nine', 'n', 1, { $pub: 'p' }), first);
  assert.match((await asked(a, 'n', { $pub: 'x'.repeat(65) })).error, /\$pub is text of 1 to 64 bytes/);
  [a, news].forEach((s) => s.disconnect());
});

// ---- 10. a wrong Engine.IO version -------------------------------------------------------------------

story('10. another Engine.IO version is refused before 101', async () => {
  for (const version of ['3', '5', 'abc', '']) {
    const peer = new RawPeer(main.tcp).say(`GET /socket.io/?EIO=${version}&transport=websocket HTTP/1.1\r\n${REST}`);
    const text = await peer.answer();
    assert.match(text, /^HTTP\/1\.1 400 [^]*\r\n\r\n\{"code":5,"message":"Unsupported protocol version"\}$/);
    peer.end();
  }
  assert.ok((await asked(talker, 'n', 0)).eid > 0); // and version 4 goes on
});

// ---- 11. recovery is a switch ------------------------------------------------------------------------

for (const [name, args, greets] of [['--recovery off', ['--recovery', 'off'], true], ['--app echo, whatever is said', ['--app', 'echo', '--recovery', 'on'], false]]) {
  story(`11. ${name}: no private id, no offsets, no recovery`, async () => {
    const s = await server(...args);
    const far = await network(s);
    for (const way of Object.values(ways)) {
      const socket = keepBook(io(`http://${far.via}`, { ...way, forceNew: true, reconnectionDelay: 20 }));
      const first = heard(socket, greets ? 'hello' : 'auth');
      await heard(socket, 'connect');
      const [said, ...rest] = await first;
      assert.deepStrictEqual([said, rest, socket._pid], [greets ? { id: socket.id } : {}, [], undefined]);
      const { id } = socket;
      far.down();
      await heard(socket, 'disconnect');
      far.up();
      await heard(socket, 'connect');
      assert.ok(!socket.recovered && socket.id !== id);
      const event = heard(socket, greets ? 'x' : 'message-back');
      socket.emit(greets ? 'x' : 'message', 'text');
      assert.deepStrictEqual(await event, ['text']);
      socket.disconnect();
    }
  });
}

// ---- 12. both parsers on one port --------------------------------------------------------------------

for (const [from, to] of [['websocket', 'msgpack parser, polling only'], ['msgpack parser', 'polling only'], ['polling only', 'msgpack parser']]) {
  story(`12. a client that went away speaking one parser comes back speaking the other: ${from}; ${to}`, async () => {
    const first = await connect(main, { ...ways[from], reconnection: false });
    const { id } = first;
    const gone = heard(first, 'disconnect');
    const second = twin(first, ways[to]);
    first.io.engine.close();
    await gone;
    const blob = Buffer.from([1, 2, 3]);
    await asked(talker, 'broadcast', 'n', 1, { blob });
    await asked(talker, 'broadcast', 'blob', blob);
    const [got, hello] = [heard(second, 'blob'), heard(second, 'hello')];
    second.connect();
    assert.ok(blob.equals(Buffer.from((await got)[0])));
    await hello;
    assert.deepStrictEqual([second.id, second.recovered, second.numbers], [id, true, [1]]);
    second.disconnect();
  });
}

story('12. clients of both parsers hear one event of each, binary too, with the same offset', async () => {
  const all = await Promise.all(Object.values(ways).map((way) => connect(main, way)));
  for (const speaker of all) {
    const come = all.map((socket) => heard(socket, 'both'));
    await asked(speaker, 'both', { blob: Buffer.from('abc'), n: 1.5 });
    const offsets = new Set();
    for (const [{ blob, n }, at] of await Promise.all(come)) {
      assert.deepStrictEqual([Buffer.from(blob).toString(), n], ['abc', 1.5]);
      offsets.add(at);
    }
    assert.strictEqual(offsets.size, 1);
  }
  all.forEach((socket) => socket.disconnect());
});

story('every server still ends cleanly', end);

tell();
