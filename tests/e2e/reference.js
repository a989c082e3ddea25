// reference: the reference's own server with the application that `tcp_server --app echo` is, as a process:
// node reference.js pingInterval pingTimeout maxHttpBufferSize connectTimeout [parser] [cors] [token] [deflate]. It says where
// it listens as our servers do.
'use strict';
const http = require('node:http');
const engine = require('engine.io');
const { Server } = require('socket.io');

const [interval, timeout, payload, patience, parser, cors, token, deflate] = process.argv.slice(2);
const options = {
  pingInterval: Number(interval),
  pingTimeout: Number(timeout),
  maxHttpBufferSize: Number(payload),
  ...(cors && { cors: { origin: cors } }),
  perMessageDeflate: deflate === 'on',
};

function echo(socket) {
  socket.emit('auth', socket.handshake.auth);
  socket.on('message', (...args) => socket.emit('message-back', ...args));
  socket.on('message-with-ack', (...args) => {
    const answer = args.pop();
    if (typeof answer === 'function') answer(...args);
  });
  socket.on('ask', (...args) => socket.timeout(1000).emit(...args, (error, ...answer) => socket.emit('answers', 1, error ? [] : [answer])));
}

// Paths that are nobody's get 404, as from the server that socket.io makes when it is given a port only.
const server = http.createServer((request, response) => response.writeHead(404).end());
const io = new Server(server, { ...options, connectTimeout: Number(patience), ...(parser === 'msgpack' && { parser: require('socket.io-msgpack-parser') }) });
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
server.listen(0, '127.0.0.1', () => console.log(`listening tcp 127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
