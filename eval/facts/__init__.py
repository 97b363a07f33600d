"""What a comparison finds, as plain data; nothing here measures or draws.

====================================================  ==============================================================
``report``                                            :class:`eval.Report`: the whole tree, and its JSON
``estimates``                                         a figure with its interval
``figures``                                           what plots show: shares per bar, points per curve
``fidelity, margins, targets, bias, rules, privacy``  the branches of the tree
``plain_data``                                        frozen dataclasses as JSON, and back
``provenance``                                        where a page comes from
``notebook``                                          what a report offers in a notebook
====================================================  ==============================================================
"""
