"""Corpora of emotional speech: who speaks and how, read from names and lists, not from audio."""

from tonewatch.corpora.readers import READERS, CorpusArgument, corpus_argument, read_corpus
from tonewatch.corpora.table import Labelled, Problem, Table, Utterance

__all__ = [
    "READERS",
    "CorpusArgument",
    "Labelled",
    "Problem",
    "Table",
    "Utterance",
    "corpus_argument",
    "read_corpus",
]
