"""What is counted: each figure is one pure declaration, from which all else follows."""
