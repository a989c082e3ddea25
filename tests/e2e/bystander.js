// bystander: a legitimate pair beside the hostile peers of a test. One says `tick` 1, 2, 3, ... in a
// room at a steady pace; the other must hear each once, in the room's order (unless it wants them as they
// come) and without a gap, and neither may ever lose its connection.
'use strict';
const readline = require('node:readline');
const { io } = require('socket.io-client');
const { start, within } = require('./harness');

const PACE_MS = 4;

class Bystander {
  constructor() {
    this.said = 0;
    this.heard = 0; // all up to here
    this.early = new Set();
    this.saidAt = new Map();
    this.delays = []; // ms, from said to heard
    this.trouble = null;
  }

  complain(words) {
    if (!this.over) this.trouble = this.trouble || words;
  }

  // seq: its place in the room
  hear(n, seq) {
    if (n <= this.heard || this.early.has(n)) this.complain(`heard tick ${n} twice`);
    if (!this.unordered && seq <= this.seq) this.complain(`heard seq ${seq} after ${this.seq}`);
    this.seq = seq;
    this.delays.push(performance.now() - this.saidAt.get(n));
    this.saidAt.delete(n);
    this.early.add(n);
    while (this.early.delete(this.heard + 1)) this.heard++;
    if (this.waiting && this.heard >= this.waiting.n) this.waiting.wake();
  }

  begin() {
    this.timer = setInterval(() => {
      this.saidAt.set(++this.said, performance.now());
      this.say(this.said);
    }, PACE_MS);
    return this;
  }

  // How long the events took that were heard since this was last asked, in ms.
  delay() {
    const sorted = this.delays.splice(0).sort((a, b) => a - b);
    const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
    return { events: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
  }

  // All that was said until now has been heard, and nothing went wrong. Returns how much that was.
  async settle() {
    const n = this.said + 1;
    if (this.trouble) throw new Error(`bystander: ${this.trouble}`);
    await within(() => `tick ${n} (the last was ${this.heard}; ${this.trouble || 'no complaint'})`, (wake) => {
      this.waiting = { n, wake };
    });
    if (this.trouble) throw new Error(`bystander: ${this.trouble}`);
    return n;
  }

  async end() {
    this.over = true;
    clearInterval(this.timer);
    await this.close();
  }
}

// socket.io-client, both of them.
async function overTcp(address) {
  const b = new Bystander();
  const sockets = [];
  for (let i = 0; i < 2; i++) {
    const socket = io(`http://${address}`, { transports: ['websocket'], forceNew: true });
    sockets.push(socket);
    await within('connect', (resolve) => socket.once('connect', resolve));
    await within('answer to join', (resolve) => socket.emit('join', 'watch', resolve));
    socket.on('disconnect', (reason) => b.complain(`disconnected: ${reason}`));
  }
  const [speaker, listener] = sockets;
  listener.on('tick', (n) => b.hear(n, n)); // TCP keeps the order of what is said, too
  listener.on('gap', (gap) => b.complain(`gap ${JSON.stringify(gap)}`));
  b.say = (n) => speaker.emit('in', 'watch', 'tick', n);
  b.close = async () => sockets.forEach((socket) => socket.disconnect());
  return b.begin();
}

// bin/client, both of them.
async function overUdp(address, mode = 'nack') {
  const b = new Bystander();
  b.unordered = mode === 'nack-unordered';
  const room = `watch-${mode}`;
  const clients = b.clients = [];
  b.names = new Set(); // of all events
  for (let i = 0; i < 2; i++) {
    const client = start('client', [`udp://${address}`, '--room', room, '--mode', mode, '--json']);
    clients.push(client);
    await client.until((lines) => lines.find((l) => l.includes('"joined"')), 'joined');
    readline.createInterface({ input: client.stdout }).on('line', (line) => {
      const o = JSON.parse(line);
      if (o.type === 'event') b.names.add(o.event[0]);
      if (o.type === 'down') b.complain(`down: ${o.reason}`);
      if (o.type === 'gap' && o.room === room) b.complain(`gap ${line}`);
      if (i === 1 && o.type === 'event' && o.event[0] === 'tick') b.hear(o.event[1], o.seq);
      client.seen.length = 0;
    });
  }
  b.say = (n) => clients[0].stdin.write(`["in","${room}","tick",${n}]\n`);
  b.close = async () => {
    clients.forEach((client) => client.stdin.end());
    await Promise.all(clients.map((client) => client.ended));
  };
  return b.begin();
}

// Several pairs as one.
async function each(address, starts) {
  const pairs = [];
  for (const begin of starts) pairs.push(await begin(address));
  const all = (name) => () => Promise.all(pairs.map((pair) => pair[name]()));
  return { pairs, settle: async () => (await all('settle')()).reduce((sum, n) => sum + n), end: all('end') };
}

module.exports = { overTcp, overUdp, each };
