import torch

from hwlib.q2.derivatives import check_derivatives, finite_differences


def test_finite_differences_of_a_known_function():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    jacobian = finite_differences(lambda v: torch.stack([v[0] * v[1], v[0] ** 3]), x)
    torch.testing.assert_close(jacobian, torch.tensor([[2.0, 1.0], [3.0, 0.0]]).double())


def test_a_right_derivative_agrees_with_both_checks_and_a_wrong_one_with_none():
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)
    functions = {"right": (torch.sin, torch.cos), "wrong": (torch.sin, torch.sin)}
    table = check_derivatives(functions, x).astype(float)
    assert list(table.columns) == [
        "largest difference from autograd",
        "largest difference from finite differences",
    ]
    assert table.loc["right"].max() < 1e-9
    assert table.loc["wrong"].min() > 0.1


def test_full_jacobian_and_gradient_of_a_scalar_are_compared_whole():
    x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    functions = {
        "vector": (lambda v: v.sum() * v, lambda v: v.sum() * torch.eye(3)),  # v_i is missing
        "scalar": (lambda v: (v * v).sum(), lambda v: 2 * v),
    }
    table = check_derivatives(functions, x).astype(float)
    assert (table.loc["vector"] > 0.4).all()
    assert table.loc["scalar"].max() < 1e-9
