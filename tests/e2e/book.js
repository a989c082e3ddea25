// book: the unmodified socket.io-client with a book of what it heard, servers, and a network in
// between that can break or go silent; for the tests of recovery.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const { io } = require('socket.io-client');
const msgpack = require('socket.io-msgpack-parser');
const { serve, within, until } = require('./harness');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const servers = [];
const sockets = [];

// How a client can be connected; the first is the default of the stories.
const ways = {
  'websocket': { transports: ['websocket'] },
  'polling, then upgraded': { transports: ['polling', 'websocket'] },
  'polling only': { transports: ['polling'] },
  'msgpack parser': { transports: ['websocket'], parser: msgpack },
  'msgpack parser, polling only': { transports: ['polling'], parser: msgpack },
};

// A server that end() will look at.
const keep = (s) => {
  servers.push(s);
  return s;
};
const server = async (...args) => keep(await serve('tcp_server', ['--listen', '127.0.0.1:0', ...args], ['tcp']));
const memory = (s) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${s.child.pid}/status`))[1]) / 1024; // MiB

// Freed memory is to return at once under the address sanitizer, too.
process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS || ''}:quarantine_size_mb=1:thread_local_quarantine_size_kb=64`;

// Every server of the story file still ends with 0.
async function end() {
  sockets.forEach((socket) => socket.disconnect());
  servers.forEach(({ child }) => child.kill('SIGTERM'));
  for (const { child } of servers) assert.strictEqual(await child.ended, 0);
}

const offset = (rest) => {
  const [epoch, eid] = rest[rest.length - 1].split('-').map(Number);
  return { epoch, eid };
};

// Keeps book of the events `n`: every number heard, every eid, every gap, every end.
function keepBook(socket) {
  sockets.push(socket);
  Object.assign(socket, { numbers: [], eids: [], gaps: [], ends: [] });
  socket.on('n', (n, ...rest) => {
    socket.numbers.push(n);
    if (rest.length) socket.eids.push(offset(rest).eid);
  });
  socket.on('gap', (gap) => socket.gaps.push(gap));
  socket.on('disconnect', (reason, details) => socket.ends.push(details && details.context ? details.context.code : reason));
  return socket;
}

// A client behind `s.via` if there is a network; up, with hello, and upgraded if it is to be.
async function connect(s, options = {}, nsp = '/') {
  const socket = keepBook(io(`http://${s.via || s.tcp}${nsp}`, { ...ways.websocket, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options }));
  await heard(socket, 'hello');
  if (socket.io.opts.transports.length > 1) await upgraded(socket);
  return socket;
}

const heard = (emitter, name) => within(`event ${name}`, (resolve) => emitter.once(name, (...args) => resolve(args)));
const asked = (socket, ...args) => within(`answer to ${args[0]}`, (resolve) => socket.emit(...args, resolve));
const wire = (socket) => socket.io.engine.transport.ws._socket;
const numbers = (n, from = 0) => Array.from({ length: n }, (_, i) => from + i);
const upgraded = (socket) => until('the upgrade', () => socket.io.engine.transport.name === 'websocket');

// Every eid from the first to the last was either heard or told as lost, and none twice.
function accounted(socket, from, to) {
  const times = new Map(socket.eids.map((eid) => [eid, 0]));
  socket.eids.forEach((eid) => times.set(eid, times.get(eid) + 1));
  for (let eid = from; eid <= to; eid++) {
    const lost = socket.gaps.filter((gap) => gap.room === '' && gap.from <= eid && eid <= gap.to).length;
    assert.strictEqual((times.get(eid) || 0) + lost, 1, `event ${eid}: heard ${times.get(eid) || 0} times, lost ${lost} times`);
  }
}

// A network of TCP relays. down(): every connection breaks. cut(): at the client's end only; the
// server's stays open, and silent. Both refuse whoever comes until up(). deafen(): what servers say is
// lost from now on, what clients say arrives.
async function network(s) {
  const [host, port] = s.tcp.split(':');
  const net_ = { ...s, pairs: [], dark: false, deaf: false };
  const proxy = net.createServer((near) => {
    near.on('error', () => {});
    if (net_.dark) {
      near.destroy();
      return;
    }
    const far = net.connect(Number(port), host);
    far.on('error', () => {});
    near.pipe(far);
    if (net_.deaf) far.resume();
    else far.pipe(near);
    net_.pairs.push({ near, far });
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  proxy.unref();
  net_.via = `127.0.0.1:${proxy.address().port}`;
  const breakOff = (far) => {
    net_.dark = true;
    net_.pairs.splice(0).forEach((pair) => {
      pair.near.unpipe(pair.far);
      pair.far.unpipe(pair.near);
      far(pair.far);
      pair.near.destroy();
    });
  };
  net_.down = () => breakOff((far) => far.destroy());
  net_.cut = () => breakOff((far) => far.pause().unref());
  net_.deafen = () => {
    net_.deaf = true;
    net_.pairs.forEach(({ near, far }) => far.unpipe(near).resume());
  };
  net_.up = () => { net_.dark = net_.deaf = false; };
  return net_;
}

module.exports = { ways, keep, server, memory, end, connect, keepBook, heard, asked, wire, numbers, until, sleep, accounted, network, offset };
