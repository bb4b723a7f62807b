"""`lstm`: a recurrent network with a memory that gates protect."""

from __future__ import annotations

from recipeline_plugins.architecture._recurrent import Recurrent


class LSTM(Recurrent, name="lstm"):
    """A recurrent network with a memory cell, and gates for what enters it, stays in it and leaves it.

        i, f, o = sigmoid(W x_t + U h_(t-1) + b)      one set of weights each: input, forget, output gate
        c_t = f * c_(t-1) + i * tanh(W' x_t + U' h_(t-1) + b')
        h_t = o * tanh(c_t)

    For text (`tokenize`) and series of equal or unequal lengths; columns of numbers and codes beside join the answer.
    The forget gate's bias starts at 1 with `initialization: orthogonal`, so that it remembers at first (Jozefowicz et
    al. 2015).

    Hochreiter & Schmidhuber 1997, Long Short-Term Memory; the forget gate: Gers et al. 2000.
    """

    example = """
        data:
          source: {type: parquet, path: recordings.parquet}      # a column of lists
          target: speaker
          columns: {sound: series}
        preprocessing: [standardize_series]
        architecture: {type: lstm, hidden: 64, bidirectional: true, pooling: mean}
    """

    cell = "lstm"
