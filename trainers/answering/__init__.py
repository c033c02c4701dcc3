"""One process that loads a model once and answers many questions: `python -m trainers.answering DIR`."""
