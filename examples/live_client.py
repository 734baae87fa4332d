"""A portrait speaks while the sound arrives: a client of `speech2face serve`.

    python examples/live_client.py examples/portrait.png examples/speech.wav frames/

The WAV stands for a microphone: it is sent as it would be spoken, 20 ms at a time. Each frame is
saved as a JPEG, and its delay behind its sound is printed. Needs `pip install websockets`.
"""

import json
import struct
import sys
import threading
import time
import wave
from pathlib import Path

from websockets.sync.client import connect

portrait, speech, folder = map(Path, sys.argv[1:4])
address = (sys.argv[4:] or ["ws://127.0.0.1:8890/v1/live"])[0]
folder.mkdir(exist_ok=True)
with wave.open(str(speech)) as file, connect(address, max_size=None) as socket:
    rate, pcm = file.getframerate(), file.readframes(file.getnframes())  # 16 bit, mono
    socket.send(json.dumps({"rate": rate, "size": 256, "emotion": "happy:0.3"}))
    socket.send(portrait.read_bytes())
    told = json.loads(socket.recv())
    started = time.monotonic()

    def microphone() -> None:
        for start in range(0, len(pcm), rate // 50 * 2):
            time.sleep(max(0.0, started + start / 2 / rate - time.monotonic()))
            socket.send(pcm[start : start + rate // 50 * 2])
        socket.send(json.dumps({"finish": True}))

    threading.Thread(target=microphone).start()
    for message in socket:
        number, sound = struct.unpack_from("<II", message)
        (folder / f"{number:05}.jpg").write_bytes(message[8 + sound :])  # message[8:][:sound]: PCM
        delay = time.monotonic() - started - number / told["fps"]
        sys.stdout.write(f"\rframe {number}, {delay:.2f} s behind its sound ")
