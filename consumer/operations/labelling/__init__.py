"""Labelling on the stream's events: what to label next, and labels out of feedback and back into it.

sources.py   answers, questions, labels and texts, of the topics or of files
tasks.py     the questions to label next, as JSON lines
feedback.py  feedback as labels, and labels as feedback
suggesting.py  labels that a language model suggests
promises.py  whether as many answers are right as was promised
"""
