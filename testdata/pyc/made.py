"""What the tests of compiled Python look for: each constant once, in the ways in which programs set them."""
import os

MODULE = "made-up-value-01"
SETTINGS = {"default": {"USER": "made-up-value-02", "PASSWORD": "made-up-value-03"}}
BIG = {"a1": os, "a2": "v", "a3": "v", "a4": "v", "a5": "v", "a6": "v", "a7": "v", "a8": "v", "a9": "v", "a10": "v",
       "a11": "v", "a12": "v", "a13": "v", "a14": "v", "a15": "v", "a16": "v", "a17": "v", "a18": "v", "big_key": "made-up-value-04"}
os.environ["ENVIRONMENT"] = "made-up-value-05"
BYTES = b"made-up-value-06"


class Client(object):
    attribute = "made-up-value-07"

    def __init__(self, host, default="made-up-value-08"):
        self.field = "made-up-value-09"
        local = "made-up-value-10"
        self.connect(host, "made-up-value-11", password="made-up-value-12", port=local)

    def connect(self, *_, **more):
        def inner():
            return captured, {"text": "made-up-value-13\nsecond line", "more": more}
        captured = "made-up-value-14"
        return inner if more != "made-up-value-15" else ["made-up-value-16", "made-up-value-17"]
