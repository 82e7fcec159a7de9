"""Fine-tunes an encoder with a question-answering head; needs the build group's tools (requirements/build.txt).

SQuAD files -> windows with their labels -> batches of like length -> transformers' Trainer -> checkpoint

base.py     the model to begin from: a folder, or a name on the hub
data.py     files, how often each is read, and what is wrong with them
windows.py  questions as windows of tokens, with the span to be found
batches.py  windows of like length together, in an order that a restart repeats
advice.py   epochs and learning rate by the amount of data
trainer.py  the library's trainer with this project's loss
resume.py   what a killed training left behind
run.py      all of it, in one go
"""
