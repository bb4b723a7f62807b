"""`gru`: a recurrent network with two gates, the first to try on a sequence."""

from __future__ import annotations

from recipeline_plugins.architecture._recurrent import Recurrent


class GRU(Recurrent, name="gru"):
    """A recurrent network with two gates: the first to try on a sequence, a quarter cheaper than `lstm`.

        r, z = sigmoid(W x_t + U h_(t-1) + b)         one set of weights each: reset, update gate
        n = tanh(W' x_t + b' + r * (U' h_(t-1) + b''))
        h_t = (1 - z) * n + z * h_(t-1)

    For text (`tokenize`) and series of equal or unequal lengths; columns of numbers and codes beside join the answer.

    Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation.
    """

    example = """
        data:
          source: {type: csv, path: reviews.csv}
          target: verdict
          columns: {review: text}
        preprocessing:
          - {type: tokenize, columns: review, length: 64}
        architecture: {type: gru, hidden: 64, bidirectional: true, pooling: max, dropout: 0.3}
    """

    cell = "gru"
