"""Mitz (VZVZ), the national register of sharing choices: the closed question, asked by or for the data holder."""
