"""Pressure of the liquid and motion of the bodies in one linear system, on the host.

Batty, Bertails, Bridson (2007), 'A fast variational framework for accurate solid-fluid coupling': the bodies' mass is
part of the system, so that added mass is implicit and a light body is as stable as a heavy one. Face shares after Ng,
Min, Gibou (2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pipeline.types import Float64


@dataclass(frozen=True)
class Coupling:
    """How bodies and liquid cells push each other, for n liquid cells and B bodies."""

    cells: NDArray[np.int64]
    """Rows of the liquid cells that touch a body, without repetition, shape (m,)."""
    outflow: Float64
    """Volume rate out of those cells per unit of each body's velocity [m^2] and angular velocity [m^3],
    shape (m, 6 B)."""
    response: Float64
    """Velocity per unit of impulse over density, rho M^-1, shape (6 B, 6 B)."""


@dataclass(frozen=True)
class PressureEquation:
    """(A + G R G^T) q = b in the symmetric positive definite form, q = p dt / rho [m^2/s]."""

    diagonal: Float64
    """(n,) [m]"""
    weight: Float64
    """Coefficients towards the six neighbours, shape (n, 6) [m]; 0 where there is no liquid cell."""
    neighbour: NDArray[np.int32]
    """Rows of the six neighbours, shape (n, 6)."""
    excess: Float64
    """Right side, inflow plus source, shape (n,) [m^3/s]."""
    coupling: Coupling


def solve(equation: PressureEquation, guess: Float64, tolerance: float, limit: int = 400) -> Float64:
    """Conjugate gradients with a diagonal preconditioner; returns q, shape (n,).

    Stops when the residual's norm is `tolerance` times that of the right side. Raises RuntimeError after `limit`
    iterations.
    """
    coupling = equation.coupling
    off = _off_diagonal(equation)

    def apply(q: Float64) -> Float64:
        product: Float64 = equation.diagonal * q - off @ q
        if len(coupling.cells):
            speed = coupling.response @ (coupling.outflow.T @ q[coupling.cells])
            product[coupling.cells] += coupling.outflow @ speed
        return product

    diagonal = equation.diagonal.copy()
    diagonal[coupling.cells] += np.einsum("mi,ij,mj->m", coupling.outflow, coupling.response, coupling.outflow)
    inverse = 1.0 / np.maximum(diagonal, 1e-30)
    q = guess.copy()
    residual = equation.excess - apply(q)
    target = tolerance * float(np.linalg.norm(equation.excess))
    direction = np.zeros_like(q)
    old = 1.0
    for iteration in range(limit):
        if dot(residual, residual) <= target**2:
            return q
        scaled = inverse * residual
        new = dot(residual, scaled)
        direction *= new / old if iteration else 0.0
        direction += scaled
        product = apply(direction)
        step = new / dot(direction, product)
        q += step * direction
        residual -= step * product
        old = new
    raise RuntimeError(
        f"Liquid pressure: expected a residual of {tolerance:g} within {limit} iterations, got "
        f"{float(np.linalg.norm(residual)) / max(target, 1e-300) * tolerance:.1e}; use a smaller time step"
    )


def dot(one: Float64, other: Float64) -> float:
    """Inner product, on one core: BLAS takes several for it and lets them wait in loops."""
    return float(np.einsum("i,i", one, other))


def _off_diagonal(equation: PressureEquation) -> sparse.csr_matrix:
    present = equation.weight > 0.0
    starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    size = len(equation.diagonal)
    return sparse.csr_matrix((equation.weight[present], equation.neighbour[present], starts), shape=(size, size))
