"""Paths of penalties: fits along a sequence of them, each from the one before, and the choice by cross-validation."""
