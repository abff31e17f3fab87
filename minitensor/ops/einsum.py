"""Einstein's sums: einsum("ij,jk->ik", a, b) multiplies matrices, and so on for any letters.

Two operands are contracted at a time, by a matrix product:

    letters in both and in the result      batch      (B, ...)
    letters in the first alone             rows       (B, M, ...)
    letters in the second alone            columns    (B, ..., N)
    letters in both, not in the result     summed     (B, M, K) @ (B, K, N)
"""

from __future__ import annotations

import math

from minitensor.arguments import check_same_dtype, check_tensor
from minitensor.backend import array_module
from minitensor.ops.indexing import GetItem
from minitensor.ops.matmul import matmul
from minitensor.ops.reduce import sum
from minitensor.ops.shape import permute, reshape
from minitensor.tensor import Tensor


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """The sum of products that `equation` names: a letter for each axis, "," between operands, "->" before the result.

    Letters that the result lacks are summed. Without "->", the result has those that occur once, in alphabetical order.
    A letter that occurs twice in an operand means its diagonal. Raises ValueError for "..." (name the axes instead),
    for letters that do not fit the shapes, and for a letter of the result that no operand has.
    """
    operands = [check_tensor(x, "einsum", f"operand {i}") for i, x in enumerate(operands)]
    check_same_dtype("einsum", **{f"operand {i}": x for i, x in enumerate(operands)})
    terms, result = _parsed(equation, operands)
    sizes = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, size in zip(term, x.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(
                    f"einsum: {equation!r}: {letter!r} is {sizes[letter]} in one operand, {size} in another"
                )
    pairs = [_without_repeats(term, x) for term, x in zip(terms, operands, strict=True)]
    term, x = pairs.pop(0)
    while pairs:
        later = set(result).union(*(other for other, _ in pairs[1:]))
        term, x = _contracted(term, x, *pairs.pop(0), later, sizes)
    left = [axis for axis, letter in enumerate(term) if letter not in result]
    if left:
        x = sum(x, left)
        term = "".join(letter for letter in term if letter in result)
    return permute(x, tuple(term.index(letter) for letter in result)) if term != result else x


def _parsed(equation, operands):
    """(the letters of each operand, the letters of the result)"""
    if not isinstance(equation, str) or "." in equation:
        raise ValueError(
            f"einsum: the equation must be text with a letter for each axis and no '...', got {equation!r}"
        )
    before, arrow, result = equation.replace(" ", "").partition("->")
    terms = before.split(",")
    letters = "".join(terms)
    if not arrow:
        result = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    if not (letters + result + "a").isalpha() or len(set(result)) < len(result) or not set(result) <= set(letters):
        raise ValueError(
            f"einsum: {equation!r}: the result must have different letters, each of which some operand has"
        )
    if len(terms) != len(operands) or not operands:
        raise ValueError(f"einsum: {equation!r} names {len(terms)} operands, got {len(operands)}")
    for term, x in zip(terms, operands, strict=True):
        if len(term) != x.ndim:
            raise ValueError(f"einsum: {equation!r}: {term!r} has {len(term)} letters, its operand the shape {x.shape}")
    return terms, result


def _without_repeats(term, x):
    """A letter that occurs twice: the elements whose two indices are equal."""
    for letter in sorted(set(term)):
        axes = [axis for axis, other in enumerate(term) if other == letter]
        if len(axes) > 1:
            rest = [axis for axis in range(x.ndim) if axis not in axes]
            x = permute(x, (*axes, *rest))
            x = GetItem((array_module(x.data).arange(x.shape[0]),) * len(axes))(x)
            term = letter + "".join(term[axis] for axis in rest)
    return term, x


def _contracted(term_a, a, term_b, b, later, sizes):
    """(letters, the product of two operands, summed over the letters that are not needed `later`)"""
    for_a = [axis for axis, letter in enumerate(term_a) if letter not in later and letter not in term_b]
    for_b = [axis for axis, letter in enumerate(term_b) if letter not in later and letter not in term_a]
    if for_a:
        a, term_a = sum(a, for_a), "".join(letter for axis, letter in enumerate(term_a) if axis not in for_a)
    if for_b:
        b, term_b = sum(b, for_b), "".join(letter for axis, letter in enumerate(term_b) if axis not in for_b)
    both = [letter for letter in term_a if letter in term_b]
    batch = "".join(letter for letter in both if letter in later)
    summed = "".join(letter for letter in both if letter not in later)
    rows = "".join(letter for letter in term_a if letter not in both)
    columns = "".join(letter for letter in term_b if letter not in both)

    def matrix(x, term, *groups):
        # axes in the order of the groups, and each group as one axis
        x = permute(x, tuple(term.index(letter) for letter in "".join(groups)))
        return reshape(x, tuple(math.prod(sizes[letter] for letter in group) for group in groups))

    product = matmul(matrix(a, term_a, batch, rows, summed), matrix(b, term_b, batch, summed, columns))
    term = batch + rows + columns
    return term, reshape(product, tuple(sizes[letter] for letter in term))
