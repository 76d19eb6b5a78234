"""The program ``materialize``: labelled clips turned into training examples."""
