"""`rnn`: the plain recurrent network, to see what gates are good for."""

from __future__ import annotations

from recipeline_plugins.architecture._recurrent import Recurrent


class RNN(Recurrent, name="rnn"):
    """A plain recurrent network: each step mixes what is read with what is remembered. For short sequences.

        h_t = tanh(W x_t + U h_(t-1) + b)

    For text (`tokenize`) and series of equal or unequal lengths; columns of numbers and codes beside join the answer.
    Its gradient fades or explodes over some tens of steps (Bengio et al. 1994): `lstm` and `gru` have gates against
    that, and `gradient_clip` helps all three.

    Elman 1990, Finding Structure in Time.
    """

    example = """
        data:
          source: {type: parquet, path: recordings.parquet}      # a column of lists
          target: speaker
          columns: {sound: series}
        preprocessing: [standardize_series]
        architecture: {type: rnn, hidden: 32, pooling: mean}
        regularization: [gradient_clip]
    """

    cell = "rnn"
