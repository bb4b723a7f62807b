import torch
from torch import nn

from recipeline.training.threads import parameters, threads_for


def test_a_small_network_gets_one_thread():
    assert threads_for(nn.Linear(50, 64), 256) == 1


def test_a_large_step_keeps_torchs_choice():
    assert threads_for(nn.Linear(1000, 1000), 256) == torch.get_num_threads()


def test_a_convolution_keeps_torchs_choice_although_it_has_few_weights():
    assert threads_for(nn.Conv2d(1, 8, 3), 32) == torch.get_num_threads()


def test_frozen_values_are_not_counted():
    network = nn.Linear(3, 2)
    network.bias.requires_grad_(False)
    assert parameters(network) == 6
