// reference: the reference's own server with the application that `tcp_server --app echo` is, as a process: its argument is a
// list, in JSON, of ways to set one up. It says `listening tcp ADDRESS` for each, in their order.
'use strict';
const http = require('node:http');
const engine = require('engine.io');
const { Server } = require('socket.io');
const msgpack = require('socket.io-msgpack-parser');

function echo(socket) {
  socket.emit('auth', socket.handshake.auth);
  socket.on('message', (...args) => socket.emit('message-back', ...args));
  socket.on('message-with-ack', (...args) => {
    const answer = args.pop();
    if (typeof answer === 'function') answer(...args);
  });
  socket.on('ask', (...args) => socket.timeout(1000).emit(...args, (error, ...answer) => socket.emit('answers', 1, error ? [] : [answer])));
}

// Who asks for a refusal has one, and so has a page that is not on the list.
const allows = (origins) => (request, answer) => {
  const { headers: { origin }, url } = request;
  if (url.includes('?refuse')) answer('you said "refuse"', false);
  else answer(null, !origins || !origin || origins.includes(origin));
};

async function begin({ spans: [pingInterval, pingTimeout], payload, connect, parser, cors, origins, token, deflate }) {
  const origin = origins || cors;
  const options = { pingInterval, pingTimeout, maxHttpBufferSize: payload, perMessageDeflate: deflate === 'on', allowRequest: allows(origins), ...(origin && { cors: { origin } }) };
  // Paths that are nobody's get 404, as from the server that socket.io makes when it is given a port only.
  const server = http.createServer((request, response) => response.writeHead(404).end());
  const io = new Server(server, { ...options, connectTimeout: connect, ...(parser === 'msgpack' && { parser: msgpack }) });
  io.use((socket, next) => {
    const said = socket.handshake.auth.token;
    const refusal = Object.assign(new Error('not authorized'), { data: { token: said ? 'wrong' : 'missing' } });
    next(!token || said === token ? undefined : refusal);
  });
  io.on('connection', echo);
  io.of('/custom').on('connection', echo);
  const bare = new engine.Server(options);
  bare.attach(server, { path: '/engine.io/' });
  bare.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  console.log(`listening tcp 127.0.0.1:${server.address().port}`);
}

process.on('SIGTERM', () => process.exit(0));
JSON.parse(process.argv[2]).reduce((before, way) => before.then(() => begin(way)), Promise.resolve());
