"""What an editor is told of rule and pipeline files while they are typed: mistakes, explanations, completion, definitions."""
