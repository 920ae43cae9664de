"""Whatever stands in a file, reading it ends soon with a value or a sentence: mutated files, many of them."""
