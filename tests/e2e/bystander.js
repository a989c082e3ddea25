// bystander: a legitimate pair beside the hostile peers of a test. One says `tick` 1, 2, 3, ... in a
// room at a steady pace; the other must hear each once, in order and without a gap, and neither may
// ever lose its connection.
'use strict';
const readline = require('node:readline');
const { io } = require('socket.io-client');
const { start, within } = require('./harness');

const PACE_MS = 4;

class Bystander {
  constructor() {
    this.said = 0;
    this.heard = 0;
    this.trouble = null;
  }

  complain(words) {
    if (!this.over) this.trouble = this.trouble || words;
  }

  hear(n) {
    if (n !== this.heard + 1) this.complain(`heard tick ${n} after ${this.heard}`);
    this.heard = n;
    if (this.waiting && this.heard >= this.waiting.n) this.waiting.wake();
  }

  begin() {
    this.timer = setInterval(() => this.say(++this.said), PACE_MS);
    return this;
  }

  // All that was said until now has been heard, and nothing went wrong. Returns how much that was.
  async settle() {
    const n = this.said + 1;
    await within(10000, `tick ${n} (the last was ${this.heard}; ${this.trouble || 'no complaint'})`, (wake) => {
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
    await within(3000, 'connect', (resolve) => socket.once('connect', resolve));
    await within(3000, 'answer to join', (resolve) => socket.emit('join', 'watch', resolve));
    socket.on('disconnect', (reason) => b.complain(`disconnected: ${reason}`));
  }
  const [speaker, listener] = sockets;
  listener.on('tick', (n) => b.hear(n));
  listener.on('gap', (gap) => b.complain(`gap ${JSON.stringify(gap)}`));
  b.say = (n) => speaker.emit('in', 'watch', 'tick', n);
  b.close = async () => sockets.forEach((socket) => socket.disconnect());
  return b.begin();
}

// bin/client, both of them.
async function overUdp(address) {
  const b = new Bystander();
  const clients = [];
  for (let i = 0; i < 2; i++) {
    const client = start('client', [`udp://${address}`, '--room', 'watch', '--json']);
    clients.push(client);
    await client.until((lines) => lines.find((l) => l.includes('"joined"')), 'joined');
    readline.createInterface({ input: client.stdout }).on('line', (line) => {
      const o = JSON.parse(line);
      if (o.type === 'down') b.complain(`down: ${o.reason}`);
      if (o.type === 'gap' && o.room === 'watch') b.complain(`gap ${line}`);
      if (i === 1 && o.type === 'event' && o.event[0] === 'tick') b.hear(o.event[1]);
      client.seen.length = 0;
    });
  }
  b.say = (n) => clients[0].stdin.write(`["in","watch","tick",${n}]\n`);
  b.close = async () => {
    clients.forEach((client) => client.stdin.end());
    await Promise.all(clients.map((client) => client.ended));
  };
  return b.begin();
}

module.exports = { overTcp, overUdp };
