"""Fine-tunes an encoder with a question-answering head; needs the build group's tools (requirements/build.txt).

SQuAD files -> windows with their labels -> batches of few shapes -> transformers' Trainer -> checkpoint

options.py        what to train and how; what is left open is decided by data and machine
pretrained.py     the model to begin from: a folder, or a name on the hub
sources.py        files, how often each is read, and what is wrong with them
windows.py        questions as windows of tokens, with the span to be found
batches.py        windows of like length together, in an order that a restart repeats
dataset.py        batches as tensors
advice.py         epochs and learning rate by the amount of data
hardware.py       what torch can do on this machine
trainer.py        the library's trainer with this project's loss
torch_session.py  the model as a session, to score it before and after
resume.py         the state of a training, from which a restart goes on
train.py          the whole training, step by step
"""
