"""The mixture of Gaussians: densities, samples and fits against scikit-learn and known distributions."""

import warnings

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from amortized_sr.mixture import GaussianMixture

SIZE = 3
SHARES = np.array([0.2, 0.5, 0.3])
MEANS = np.array([[-4.0, 0.0, 1.0], [3.0, 3.0, -2.0], [0.0, -5.0, 6.0]])
FACTORS = np.array(
    [
        [[1.0, 0.0, 0.0], [0.4, 0.7, 0.0], [-0.2, 0.3, 0.5]],
        [[0.6, 0.0, 0.0], [-0.5, 1.2, 0.0], [0.1, 0.8, 0.9]],
        [[1.5, 0.0, 0.0], [0.0, 0.3, 0.0], [0.9, 0.0, 0.4]],
    ]
)
COVARIANCES = FACTORS @ FACTORS.swapaxes(1, 2)


@pytest.fixture
def mixture() -> GaussianMixture:
    """A mixture of three known Gaussians."""
    known = GaussianMixture(3, SIZE)
    rows, columns = np.tril_indices(SIZE)
    known.share.copy_(torch.from_numpy(SHARES))
    known.mean.copy_(torch.from_numpy(MEANS))
    known.factor.copy_(torch.from_numpy(FACTORS[:, rows, columns]))
    return known


def test_densities_are_those_of_torch(mixture):
    components = MultivariateNormal(torch.from_numpy(MEANS), scale_tril=torch.from_numpy(FACTORS))
    known = MixtureSameFamily(Categorical(torch.from_numpy(SHARES)), components)
    codes = torch.from_numpy(np.random.default_rng(1).normal(0, 4, (20, SIZE)))
    assert torch.allclose(mixture.log_density(codes), known.log_prob(codes), rtol=1e-5, atol=1e-5)


@pytest.mark.slow  # Loading scikit-learn takes a second.
def test_densities_are_those_of_scikit_learn(mixture):
    from sklearn.mixture import GaussianMixture as Estimator

    reference = Estimator(3)
    reference.weights_, reference.means_ = SHARES, MEANS
    reference.precisions_cholesky_ = np.linalg.inv(FACTORS).swapaxes(1, 2)
    codes = np.random.default_rng(0).normal(0, 4, (50, SIZE))
    expected = torch.from_numpy(reference.score_samples(codes))
    # The buffers are float32.
    assert torch.allclose(mixture.log_density(torch.from_numpy(codes)), expected, rtol=1e-5, atol=1e-5)
    assert torch.allclose(mixture.log_density(torch.from_numpy(codes).float()), expected.float(), rtol=1e-3)


def test_the_gradient_of_one_gaussian_leads_to_its_mean():
    mixture = GaussianMixture(1, 2)
    mixture.share.fill_(1)
    mixture.mean.copy_(torch.tensor([[1.0, -1.0]]))
    mixture.factor.copy_(torch.tensor([[2.0, 0.0, 0.5]]))
    codes = torch.tensor([[3.0, 0.0]], dtype=torch.float64, requires_grad=True)
    mixture.log_density(codes).sum().backward()
    assert torch.allclose(codes.grad, torch.tensor([[-2 / 2.0**2, -1 / 0.5**2]], dtype=torch.float64))


def test_samples_have_the_mixtures_mean_and_covariance(mixture):
    codes = mixture.sample(4000, seed=0).double().numpy()
    mean = SHARES @ MEANS
    between = ((MEANS - mean).T * SHARES) @ (MEANS - mean)
    covariance = between + np.einsum("k,kij->ij", SHARES, COVARIANCES)
    # Four standard errors of the mean.
    assert np.allclose(codes.mean(0), mean, atol=4 * np.sqrt(covariance.diagonal().max() / len(codes)))
    assert np.allclose(np.cov(codes.T), covariance, atol=0.06 * np.abs(covariance).max())
    assert np.allclose(mixture.centre.numpy(), mean, atol=1e-6)


def test_the_temperature_scales_the_distance_from_the_means(mixture):
    means, half, whole = (mixture.sample(40, 3, temperature).double() for temperature in (0.0, 0.5, 1.0))
    assert {tuple(code) for code in means.tolist()} == {tuple(mean) for mean in MEANS.tolist()}
    assert torch.allclose(half - means, (whole - means) / 2, atol=1e-5)
    assert (whole - means).norm(dim=1).min() > 0.01


def test_longer_lists_begin_with_shorter_ones_and_seeds_differ(mixture):
    codes = mixture.sample(20, seed=7)
    assert torch.equal(codes[:5], mixture.sample(5, seed=7))
    assert not torch.isclose(codes, mixture.sample(20, seed=8)).all(dim=1).any()


@pytest.mark.slow
def test_a_fit_finds_the_gaussians_that_codes_came_from(mixture):
    fitted = GaussianMixture(3, SIZE)
    fitted.fit(mixture.sample(3000, seed=0), seed=0)
    order = torch.cdist(mixture.mean, fitted.mean).argmin(dim=1)
    assert sorted(order.tolist()) == [0, 1, 2]
    assert torch.allclose(fitted.share[order], mixture.share, atol=0.03)
    assert torch.allclose(fitted.mean[order], mixture.mean, atol=0.15)
    covariances = (fitted._factors() @ fitted._factors().mT)[order].double().numpy()
    assert np.allclose(covariances, COVARIANCES, atol=0.25)


@pytest.mark.slow
def test_one_gaussian_is_the_sample_mean_and_covariance():
    codes = MultivariateNormal(torch.zeros(2), torch.tensor([[2.0, 0.5], [0.5, 1.0]])).sample((200,))
    fitted = GaussianMixture(1, 2)
    fitted.fit(codes, seed=0)
    assert torch.allclose(fitted.mean[0], codes.mean(0), atol=1e-5)
    covariance = (fitted._factors() @ fitted._factors().mT)[0]
    # The shrinkage adds a thousandth of the variance.
    assert torch.allclose(covariance, torch.cov(codes.T, correction=0), atol=3e-3)


@pytest.mark.slow
def test_codes_on_a_plane_keep_some_width_across_it():
    codes = torch.randn(100, 3)
    codes[:, 2] = 0
    fitted = GaussianMixture(2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted.fit(codes, seed=0)
    assert fitted.sample(50, seed=0)[:, 2].std() > 0.005
    assert fitted.log_density(codes).isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, 0, 1.0), "count must be at least 1 and seed at least 0, got 0 and 0"),
        ((1, -1, 1.0), "got 1 and -1"),
        ((1, 0, -0.5), "temperature must be a number from 0, got -0.5"),
        ((1, 0, float("nan")), "got nan"),
        ((1, 0, float("inf")), "got inf"),
    ],
)
def test_arguments_without_a_meaning_are_refused(mixture, arguments, said):
    with pytest.raises(ValueError, match=said):
        mixture.sample(*arguments)


@pytest.mark.parametrize(
    "use", [lambda m: m.sample(1, 0), lambda m: m.log_density(torch.zeros(1, 2)), lambda m: m.centre]
)
def test_an_unfitted_mixture_is_refused(use):
    with pytest.raises(ValueError, match="no distribution of codes; train it to the end"):
        use(GaussianMixture(2, 2))


def test_too_few_codes_are_refused():
    with pytest.raises(ValueError, match="4 codes are too few for a mixture of 5 Gaussians"):
        GaussianMixture(5, 2).fit(torch.zeros(4, 2), seed=0)
