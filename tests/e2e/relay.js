// relay: a path of its own process between clients and a server, to be killed (-9), or stopped (-STOP):
// then it is black, but nothing is closed.
//
//   relay.js PORT HOST:PORT     prints `listening PORT`; port 0 picks one
'use strict';
const net = require('node:net');

const [port, target] = process.argv.slice(2);
const [host, far] = target.split(':');
net.createServer((near) => {
  const there = net.connect({ host, port: Number(far), noDelay: true });
  near.setNoDelay();
  near.pipe(there).pipe(near);
  [[near, there], [there, near]].forEach(([a, b]) => a.on('error', () => {}).on('close', () => b.destroy()));
}).listen(Number(port), '127.0.0.1', function ready() { console.log(`listening ${this.address().port}`); });
