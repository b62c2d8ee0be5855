"""Documents made of parts: two sides of a translation, the turns of a conversation, a question with a better and a worse answer.

    pairs.py  chats.py  preferences.py    from a row of a file to parts, and what is wrong with it
    marks.py                              parts as one text on their way through the preparation
    store.py                              parts of a prepared version

Parts go through the same preparation as text (trainer/data/prepare.py) with a mark in front of each; when they are packed
each part is encoded by itself, and where it begins and whose it is lies beside the tokens. Marks never become tokens: how
a conversation is written for a model is the model's own affair (trainer/models/gpt/template.py).
"""
