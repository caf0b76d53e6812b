// The load: keep-alive TLS connections that send requests built beforehand and read the answers with as little work as counts them honestly.
//
// Reads one command a line (JSON) from stdin and answers each with one line on stdout. A command has `target` (port, authority, and a token or a client certificate)
// and `operation`:
//   send   `count` requests over `clients` connections, one at a time on each; `NNNNN` in path and body is the number of the request
//   watch  `clients` watches of `path`; meanwhile `count` requests of `send` are sent by `senders` connections; ends when every watch has seen every change
// The answer has the seconds, the percentiles of a request's time in ms, the bytes received, and how many answers had which status.

import { createInterface } from "node:readline";
import { connect } from "node:tls";

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const END_OF_EVENT = Buffer.from("}\n");

/** Counts whole answers of one connection: Content-Length and chunked bodies. */
class Reader {
  constructor(onAnswer) {
    this.onAnswer = onAnswer;
    this.rest = null; // bytes of an unfinished head or chunk line
    this.left = 0; // bytes of the body (or chunk) still to come
    this.state = "head";
    this.status = 0;
    this.bytes = 0;
  }

  push(data) {
    this.bytes += data.length;
    if (this.rest !== null) {
      data = Buffer.concat([this.rest, data]);
      this.rest = null;
    }
    let at = 0;
    while (at < data.length) {
      if (this.state === "head") {
        const end = data.indexOf(END_OF_HEAD, at);
        if (end < 0) break;
        const head = data.latin1Slice(at, end).toLowerCase();
        this.status = Number(head.slice(9, 12));
        at = end + 4;
        if (this.status === 100) continue;
        const length = /\r\ncontent-length: *(\d+)/.exec(head);
        if (length !== null) {
          this.left = Number(length[1]);
          this.state = "body";
        } else if (head.includes("transfer-encoding: chunked")) {
          this.state = "chunk";
        } else {
          throw new Error(`an answer without a length: ${head}`);
        }
        if (this.state === "body" && this.left === 0) this.done();
      } else if (this.state === "body") {
        const step = Math.min(this.left, data.length - at);
        at += step;
        this.left -= step;
        if (this.left === 0) this.done();
      } else if (this.state === "chunk") {
        const end = data.indexOf("\r\n", at);
        if (end < 0) break;
        const size = parseInt(data.latin1Slice(at, end), 16);
        at = end + 2;
        this.left = size + 2;
        this.state = size === 0 ? "trailer" : "chunk-data";
      } else {
        const step = Math.min(this.left, data.length - at);
        at += step;
        this.left -= step;
        if (this.left === 0) {
          if (this.state === "trailer") this.done();
          else this.state = "chunk";
        }
      }
    }
    if (at < data.length) this.rest = data.subarray(at);
  }

  done() {
    this.state = "head";
    this.onAnswer(this.status);
  }
}

function open(target, onData, onError) {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: "127.0.0.1", port: target.port, ca: target.authority, cert: target.certificate, key: target.key, servername: "localhost" },
      () => {
        socket.setNoDelay(true);
        resolve(socket);
      },
    );
    socket.on("data", onData);
    socket.on("error", (error) => {
      reject(error);
      onError(error);
    });
  });
}

function builder(target, request) {
  const token = target.token ? `Authorization: Bearer ${target.token}\r\n` : "";
  const body = request.body ?? "";
  const type = body ? `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` : "";
  const text =
    `${request.method} ${request.path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nAccept: application/json\r\n${token}${type}\r\n${body}`;
  const parts = text.split("NNNNN");
  return (number) => parts.join(String(number).padStart(5, "0"));
}

async function send(command) {
  const build = builder(command.target, command);
  const latencies = new Float64Array(command.count);
  const statuses = {};
  let sent = 0;
  let received = 0;
  let bytes = 0;
  let finish, fail;
  const finished = new Promise((resolve, reject) => ([finish, fail] = [resolve, reject]));
  const sockets = [];
  const begins = [];
  for (let client = 0; client < command.clients; client++) {
    let began = 0;
    const next = () => {
      if (sent === command.count) return;
      began = performance.now();
      socket.write(build(command.first + sent++), "latin1");
    };
    const reader = new Reader((status) => {
      latencies[received++] = performance.now() - began;
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (received === command.count) finish();
      else next();
    });
    const socket = await open(
      command.target,
      (data) => {
        bytes += data.length;
        reader.push(data);
      },
      fail,
    );
    socket.on("close", () => received < command.count && fail(new Error("the server closed a connection")));
    sockets.push(socket);
    begins.push(next);
  }
  const began = performance.now();
  begins.forEach((begin) => begin());
  await finished;
  const seconds = (performance.now() - began) / 1000;
  sockets.forEach((socket) => socket.destroy());
  latencies.sort();
  const at = (share) => latencies[Math.min(received - 1, Math.floor(received * share))];
  return { seconds, statuses, bytes, p50_ms: at(0.5), p99_ms: at(0.99) };
}

async function watch(command) {
  const text = builder(command.target, { method: "GET", path: command.path })(0);
  const wanted = command.count;
  let open_watches = 0;
  let complete = 0;
  let bytes = 0;
  let ready, finish, fail;
  const began_all = new Promise((resolve, reject) => ([ready, fail] = [resolve, reject]));
  const finished = new Promise((resolve) => (finish = resolve));
  const sockets = [];
  for (let client = 0; client < command.clients; client++) {
    let seen = 0;
    let last = 0;
    let begun = false;
    const socket = await open(
      command.target,
      (data) => {
        bytes += data.length;
        if (!begun) {
          if (data.latin1Slice(9, 12) !== "200") fail(new Error(`a watch was refused: ${data.toString().slice(0, 300)}`));
          begun = true;
          if (++open_watches === command.clients) ready();
        }
        const before = seen;
        if (last === 0x7d && data[0] === 0x0a) seen++;
        for (let at = data.indexOf(END_OF_EVENT); at >= 0; at = data.indexOf(END_OF_EVENT, at + 2)) seen++;
        last = data[data.length - 1];
        if (seen > wanted) fail(new Error("a watch saw more events than changes"));
        if (before < wanted && seen === wanted && ++complete === command.clients) finish();
      },
      fail,
    );
    socket.on("close", () => seen < wanted && fail(new Error(`a watch was closed after ${seen} of ${wanted} events`)));
    socket.write(text);
    sockets.push(socket);
  }
  await began_all;
  const began = performance.now();
  const sent = await send({ ...command.send, target: command.target, count: wanted, clients: command.senders });
  await finished;
  const seconds = (performance.now() - began) / 1000;
  sockets.forEach((socket) => socket.destroy());
  return { seconds, statuses: sent.statuses, bytes, p50_ms: sent.p50_ms, p99_ms: sent.p99_ms };
}

const operations = { send, watch };
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = await operations[command.operation](command);
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(JSON.stringify({ ...answer, cpu_s: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6 }) + "\n");
}
process.exit(0);
