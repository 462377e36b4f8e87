import torch

from hwlib.q2.derivatives import check_derivative, finite_differences


def test_finite_differences_of_a_known_function():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    jacobian = finite_differences(lambda v: torch.stack([v[0] * v[1], v[0] ** 3]), x)
    torch.testing.assert_close(jacobian, torch.tensor([[2.0, 1.0], [3.0, 0.0]]).double())


def test_a_right_derivative_agrees_with_both_checks_and_a_wrong_one_with_none():
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)
    right = check_derivative(torch.sin, torch.cos, x, "sine").astype(float)
    wrong = check_derivative(torch.sin, torch.sin, x, "sine").astype(float)
    assert list(right.columns) == [
        "largest difference from autograd",
        "largest difference from finite differences",
    ]
    assert right.to_numpy().max() < 1e-9
    assert wrong.to_numpy().min() > 0.1


def test_full_jacobian_and_gradient_of_a_scalar_are_compared_whole():
    x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    outer = check_derivative(lambda v: v.sum() * v, lambda v: v.sum() * torch.eye(3), x, "vector")
    assert (outer.astype(float).to_numpy() > 0.4).all()  # the term v_i is missing
    square = check_derivative(lambda v: (v * v).sum(), lambda v: 2 * v, x, "scalar")
    assert square.astype(float).to_numpy().max() < 1e-9
