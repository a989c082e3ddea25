// udp_relay: a path between UDP clients and a server, over loopback, that loses what it is told to, forgets
// its ports like a NAT, and writes down what it carries.
'use strict';
const dgram = require('node:dgram');
const { Pcap } = require('./pcap');

class UdpRelay {
  // server: "HOST:PORT"
  static async create(server) {
    const relay = new UdpRelay();
    const [address, port] = server.split(':');
    relay.server = { address, port: Number(port) };
    relay.loses = () => false; // (payload, down) => is it lost?
    relay.behind = new Map(); // client's address -> a promise of the socket that the server sees
    relay.near = new Pcap(); // as the server's side of the path sees it: what is lost, too
    relay.far = new Pcap(); // as the clients' side sees it
    relay.front = dgram.createSocket('udp4');
    relay.front.on('message', (payload, from) => relay.up(payload, from));
    await new Promise((resolve) => relay.front.bind(0, '127.0.0.1', resolve));
    relay.url = `udp://127.0.0.1:${relay.front.address().port}`;
    return relay;
  }

  async socketOf(from) {
    const key = `${from.address}:${from.port}`;
    if (!this.behind.has(key)) {
      const socket = dgram.createSocket('udp4');
      socket.on('message', (payload) => this.down(payload, from));
      this.behind.set(key, new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket))));
    }
    return this.behind.get(key);
  }

  // What a client says next comes from another port; what the server says to the old ones, nobody hears.
  async rebind() {
    const old = [...this.behind.values()];
    this.behind.clear();
    for (const promise of old) {
      const socket = await promise;
      socket.removeAllListeners('message');
      setImmediate(() => socket.close()); // what is on its way out has gone by then
    }
  }

  async up(payload, from) {
    const socket = await this.socketOf(from);
    this.far.add(payload, from, this.server);
    if (this.loses(payload, false)) return;
    this.near.add(payload, from, this.server);
    socket.send(payload, this.server.port, this.server.address);
  }

  down(payload, to) {
    this.near.add(payload, this.server, to);
    if (this.loses(payload, true)) return;
    this.far.add(payload, this.server, to);
    this.front.send(payload, to.port, to.address);
  }

  async end() {
    this.front.close();
    for (const socket of this.behind.values()) (await socket).close();
  }
}

module.exports = { UdpRelay };
