"""One process that runs any number of pycrdt peers; speaks the command lines of `node.mjs`.

pycrdt's own `Provider` synchronises the document. It leaves three things to the application, and this file does them as a
y-websocket client does: it opens the socket again when it was lost, carries awareness messages, and says goodbye. It knows
nothing of what a test expects. The one rule: stdout carries answers only.
"""

import asyncio
import contextlib
import json
import sys
import time

import anyio
import httpx
from httpx_ws import WebSocketDisconnect, aconnect_ws
from pycrdt import Array, Awareness, Doc, Encoder, Map, Provider, Text, create_awareness_message, read_message

# httpx-ws gives up on a pong after 20 s. On a slow line a pong stands behind all that the buffers of the kernels on the way took
# before it, which can be more than that: a setting of whoever writes the client, not of the server.
PONG_SECONDS = 60
MAX_MESSAGE_BYTES = 64 << 20
FIRST_DELAY_S = 0.1
LAST_DELAY_S = 2.5


def now_ms():
    return int(time.time() * 1000)


def canonical(value):
    """The same text as `canonical.mjs` gives; pycrdt hands whole numbers out as floats."""

    def plain(inner):
        if isinstance(inner, float) and inner.is_integer():
            return int(inner)
        if isinstance(inner, dict):
            return {key: plain(entry) for key, entry in inner.items()}
        if isinstance(inner, list):
            return [plain(entry) for entry in inner]
        return inner

    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False)


class SocketChannel:
    """What a `Provider` reads from and writes to; awareness messages branch off here."""

    def __init__(self, peer, socket):
        self.path = peer.room
        self.peer = peer
        self.socket = socket
        self.gone = anyio.Event()

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self.gone.is_set():
            try:
                message = await self.socket.receive_bytes()
            except WebSocketDisconnect as closed:
                self.peer.closes.append({"at": now_ms(), "code": closed.code, "reason": closed.reason or ""})
                break
            except Exception:
                self.peer.closes.append({"at": now_ms(), "code": 1006, "reason": ""})
                break
            self.peer.received += 1
            if message[0] == 0:
                self.peer.synced = self.peer.synced or message[1] == 1
                return message
            if message[0] == 1:
                self.peer.awareness.apply_awareness_update(read_message(message[1:]), "socket")
        self.gone.set()
        raise StopAsyncIteration

    async def recv(self):
        return await self.__anext__()

    async def send(self, message):
        try:
            await self.socket.send_bytes(message)
        except Exception:
            self.gone.set()


class Peer:
    """A doc with its connection."""

    def __init__(self, url, room, presence=None, connect=True, poison=None, **_):
        self.url, self.room, self.poison = url, room, poison
        self.doc = Doc()
        self.map = self.doc.get("map", type=Map)
        self.list = self.doc.get("list", type=Array)
        self.text = self.doc.get("text", type=Text)
        self.awareness = Awareness(self.doc)
        if presence is not None:
            self.awareness.set_local_state(presence)
        self.awareness.observe(self.on_awareness)
        self.opens, self.closes, self.received = [], [], 0
        self.channel, self.synced, self.should_connect = None, False, connect
        self.wake = asyncio.Event()
        self.tasks = [asyncio.create_task(self.run()), asyncio.create_task(self.awareness.start())]

    def on_awareness(self, topic, event):
        changes, _ = event
        clients = changes["added"] + changes["updated"] + changes["removed"]
        if topic == "update" and self.channel is not None and clients:
            body = self.awareness.encode_awareness_update(clients)
            asyncio.create_task(self.channel.send(create_awareness_message(body)))

    async def run(self):
        delay = FIRST_DELAY_S
        while True:
            while not self.should_connect:
                self.wake.clear()
                await self.wake.wait()
            with contextlib.suppress(Exception):
                async with httpx.AsyncClient() as http:
                    target = f"{self.url}/{self.room}"
                    async with aconnect_ws(
                        target,
                        http,
                        max_message_size_bytes=MAX_MESSAGE_BYTES,
                        keepalive_ping_timeout_seconds=PONG_SECONDS,
                    ) as socket:
                        delay = FIRST_DELAY_S
                        await self.stay(socket)
            self.channel, self.synced = None, False
            others = [client for client in self.awareness.states if client != self.doc.client_id]
            self.awareness.remove_awareness_states(others, "socket")
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_DELAY_S)

    async def stay(self, socket):
        self.opens.append(now_ms())
        self.channel = SocketChannel(self, socket)
        if self.poison is not None:
            await self.channel.send(bytes.fromhex(self.poison))
        async with anyio.create_task_group() as group:
            group.start_soon(Provider(self.doc, self.channel).start)
            if self.awareness.get_local_state() is not None:
                body = self.awareness.encode_awareness_update([self.doc.client_id])
                await self.channel.send(create_awareness_message(body))
            await self.channel.gone.wait()
            group.cancel_scope.cancel()

    def content(self):
        return {"map": self.map.to_py(), "list": self.list.to_py(), "text": str(self.text)}

    def people(self):
        return dict(self.awareness.states)

    async def cut(self):
        if self.channel is not None:
            await self.channel.socket.stream.aclose()
            self.channel.gone.set()

    def offset(self, characters):
        """pycrdt counts bytes of UTF-8, where the other clients count UTF-16 units."""
        return len(str(self.text)[:characters].encode())

    def edit(self, kind, *args):
        if kind == "set":
            self.map[args[0]] = args[1]
        elif kind == "unset":
            del self.map[args[0]]
        elif kind == "push":
            self.list.append(args[0])
        elif kind == "remove":
            del self.list[args[0]]
        elif kind == "write":
            self.text.insert(self.offset(args[0]), args[1])
        elif kind == "erase":
            del self.text[self.offset(args[0]) : self.offset(args[0] + args[1])]
        else:
            raise ValueError(f"no edit {kind}")

    def holds(self, what, value):
        match what:
            case "content":
                return canonical(self.content()) == canonical(value)
            case "synced":
                return self.synced
            case "unsynced":
                return self.channel is None
            case "sees":
                return canonical(self.people().get(value["client"])) == canonical(value["state"])
            case "opens":
                return len(self.opens) >= value
            case "closes":
                return len(self.closes) >= value
            case "received":
                return self.received >= value
        raise ValueError(f"no condition {what}")


async def until(peer, what, within, value=None):
    start = now_ms()
    while not peer.holds(what, value):
        if now_ms() - start > within:
            seen = {"content": peer.content(), "people": peer.people(), "closes": peer.closes}
            raise TimeoutError(f"not {what} {canonical(value)} after {within} ms; has {canonical(seen)}")
        await asyncio.sleep(0.005)
    return now_ms() - start


async def goodbye(peer):
    """What y-websocket does on `disconnect()`: its state taken away at the same clock, then a close."""
    peer.should_connect = False
    if peer.channel is None:
        return
    encoder = Encoder()
    encoder.write_var_uint(1)
    encoder.write_var_uint(peer.doc.client_id)
    encoder.write_var_uint(peer.awareness.meta[peer.doc.client_id]["clock"])
    encoder.write_var_string("null")
    channel = peer.channel
    await channel.send(create_awareness_message(encoder.to_bytes()))
    with contextlib.suppress(Exception):
        await channel.socket.close()
    channel.gone.set()


async def command(peers, op, peer=None, **args):
    if op == "open":
        peers[peer] = Peer(**args)
        return {"client": peers[peer].doc.client_id}
    this = peers[peer]
    if op == "edit":
        with this.doc.transaction():
            for edit in args["edits"]:
                this.edit(*edit)
    elif op == "content":
        return this.content()
    elif op == "presence":
        this.awareness.set_local_state(args["state"])
    elif op == "connect":
        this.should_connect = True
        this.wake.set()
    elif op == "disconnect":
        await goodbye(this)
    elif op == "drop":
        await this.cut()
    elif op == "die":
        this.should_connect = False
        await this.cut()
    elif op == "send":
        await this.channel.send(bytes.fromhex(args["hex"]))
    elif op == "facts":
        return {"opens": this.opens, "closes": this.closes, "frames": []}
    elif op == "until":
        return await until(this, args["what"], args["within"], args.get("value"))
    elif op == "close":
        await goodbye(this)
        for task in this.tasks:
            task.cancel()
        del peers[peer]
    else:
        raise ValueError(f"no command {op}")


async def answer(peers, line):
    request = json.loads(line)
    number = request.pop("id")
    try:
        reply = {"id": number, "value": await command(peers, **request)}
    except Exception as error:
        reply = {"id": number, "error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


async def main():
    reader = asyncio.StreamReader(limit=16 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    peers, answers = {}, set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(peers, line))
        answers.add(task)
        task.add_done_callback(answers.discard)


asyncio.run(main())
