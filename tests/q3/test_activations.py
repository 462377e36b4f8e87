import pytest
import torch

from hwlib.q2.derivatives import finite_differences
from hwlib.q3 import activations as act

PAIRS = [(act.sigmoid, act.d_sigmoid), (act.tanh, act.d_tanh), (act.relu, act.d_relu)]


@pytest.mark.parametrize(("function", "derivative"), PAIRS)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 1, 4)])
def test_elementwise_derivatives_match_autograd(function, derivative, shape):
    x = 4 * torch.randn(shape, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(function(x).sum(), x)
    torch.testing.assert_close(derivative(x.detach()), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("function", "derivative"), PAIRS)
def test_elementwise_derivatives_match_finite_differences(function, derivative):
    x = torch.linspace(-8, 8, 32, dtype=torch.float64)  # without 0, the kink of relu
    expected = finite_differences(function, x).diagonal()
    torch.testing.assert_close(derivative(x), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("function", "derivative"), PAIRS)
def test_derivative_is_the_same_if_the_value_is_known(function, derivative):
    x = torch.linspace(-8, 8, 33)
    assert torch.equal(derivative(x, function(x)), derivative(x))


@pytest.mark.parametrize(("function", "derivative"), PAIRS)
def test_derivatives_known_to_the_library_are_those_of_the_question(function, derivative):
    assert act.derivative_of(function) is derivative


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_derivative_of_any_other_function_is_numerical(dtype):
    x = torch.linspace(-30, 30, 61, dtype=dtype)
    numerical = act.derivative_of(torch.sin)(x, torch.sin(x))
    assert numerical.dtype == dtype
    torch.testing.assert_close(numerical, torch.cos(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 4)])
def test_softmax_jacobian_matches_autograd_for_any_leading_dimensions(shape):
    x = 3 * torch.randn(shape, dtype=torch.float64)
    rows = x.reshape(-1, shape[-1])
    expected = torch.stack([torch.autograd.functional.jacobian(act.softmax, r) for r in rows])
    jacobian = act.d_softmax(x)
    assert jacobian.shape == (*shape, shape[-1])
    torch.testing.assert_close(jacobian.reshape(expected.shape), expected, rtol=1e-10, atol=1e-14)


def test_values_match_torch():
    x = torch.linspace(-30, 30, 600, dtype=torch.float64)
    torch.testing.assert_close(act.sigmoid(x), torch.sigmoid(x), rtol=1e-13, atol=1e-16)
    torch.testing.assert_close(act.tanh(x), torch.tanh(x), rtol=1e-13, atol=1e-16)
    torch.testing.assert_close(act.softmax(x.view(3, -1)), torch.softmax(x.view(3, -1), -1))
    assert torch.equal(act.relu(x), torch.relu(x))


def test_small_arguments_keep_their_digits():
    x = torch.tensor([1e-7, -1e-7, 1e-3])
    torch.testing.assert_close(act.tanh(x), torch.tanh(x), rtol=1e-6, atol=0)


@pytest.mark.parametrize("size", [20.0, 89.0, 1e3, 1e4])
def test_saturated_values_are_right_in_single_precision(size):
    x = torch.tensor([-size, size])
    assert act.tanh(x).tolist() == [-1, 1]
    assert act.sigmoid(x).tolist() == pytest.approx([0, 1], abs=1e-8)
    assert act.softmax(x).tolist() == pytest.approx([0, 1], abs=1e-8)
    for derivative in (act.d_sigmoid, act.d_tanh, act.d_softmax):
        assert derivative(x).abs().max() < 1e-8  # not infinite, and not "not a number"
