"""Differential privacy for generators that are trained with torch: one row more or less hardly changes a run.

What is released
----------------
A run directory is (epsilon, delta)-differentially private: for any two tables that differ by one row's contribution,
no set of runs is more than e^epsilon times as likely, plus delta, from the one as from the other (Dwork and Roth 2014,
"The Algorithmic Foundations of Differential Privacy"). The number of rows is public, so that the other table has the
same one; replacing a row is removing a contribution and adding another, and costs about twice. Everything in the run
comes from one of these:

=================  ==================================================================================================
public             the schema: names, kinds, dtypes, formats, decimals, bounds, categories, atoms, patterns of
                   identifiers, and which columns may have missing cells. By the user's word: a schema file, or
                   ``public_schema``. Beside it the number of rows, the settings and the seed of the first weights.
:mod:`.marginals`  a noisy histogram of every learned column, all of them together one Gaussian mechanism. From it a
                   stand-in table is made, and all that plain fitting learns from single columns (quantiles, modes,
                   bins, class shares, starting biases, calibration, missing rates) is learned from the stand-in.
:mod:`.updates`    the updates of the weights: DP-SGD (Abadi et al. 2016, "Deep learning with differential privacy"):
                   rows are drawn by independent coins (Poisson), each row's gradient is clipped (:mod:`.clipping`),
                   and Gaussian noise is added to their sum.
=================  ==================================================================================================

:mod:`.accounting` composes the last two with opacus' accountant. Nothing else of a fit examines the rows: no held-out
rows, no early stop, no loss in the history, no best state. Columns of free text are refused, identifiers are made anew
from their pattern and are never missing, numbers are clipped to their bounds.

What is not covered: that a fit was refused because the table does not keep to its schema; how long it took; the
checkpoint of an interrupted fit, which must stay where the table is; what ``tabllm eval`` says of the synthetic rows
beside the real ones. The unit is a row: where a person has several, the guarantee for the person is weaker by that
factor. Noise, coins and all other draws for rows come from keys of 128 bits (:mod:`.streams`), in floating point:
attacks on that (Mironov 2012, "On significance of the least significant bits for differential privacy") are not guarded
against.

:mod:`tabular.neural.private.audit` looks for canaries in what updates release: a lower bound on epsilon, which must
stay below the claim.

Whoever sees several runs of one table has lost the sum of their epsilons.
"""
