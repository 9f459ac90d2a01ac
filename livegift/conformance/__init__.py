"""``livegift conformance``: plays faults to an SDK that somebody else wrote, and says what it got wrong.

A scripted server speaks wire protocol v1 with the codec and the messages of the real one, but has no Redis and no
book: it says what a scenario wants said, also what a correct server says once a year. The SDK is driven through a
*bridge*, a small program around it (docs/conformance.md). Judged is what can be seen: frames on the socket, and what
the SDK tells its application. How it does it is its own business.
"""
