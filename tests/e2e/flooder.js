// flooder: a process of its own that floods a TCP server: node flooder.js ADDRESS PEERS MESSAGE. Its peers write
// as much as they are let, and read and forget what comes. Says `flooding` once all of them do; ends with its stdin.
'use strict';
const { open, text } = require('./raw_peer');

const [address, peers, message] = process.argv.slice(2);
const piece = Buffer.concat(Array(Math.ceil(65536 / (message.length + 6))).fill(text(message)));

function pour(socket) {
  while (!socket.destroyed && socket.write(piece));
  socket.once('drain', () => pour(socket));
}

(async () => {
  const all = [];
  while (all.length < Number(peers)) all.push(await open(address));
  for (const peer of all) {
    peer.say(text('40'));
    peer.socket.removeAllListeners('data');
    peer.socket.resume();
    pour(peer.socket);
  }
  console.log('flooding');
})();
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
