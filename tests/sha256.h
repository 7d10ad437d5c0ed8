// SHA-256 (FIPS 180-4), for sums that other languages' tests know too.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace rwkv {

// In hexadecimal.
inline std::string sha256(std::span<const std::byte> bytes) {
  // The first 32 bits of the fractional parts of the roots of the first 64 primes: cube roots, and square roots of the first 8.
  std::array<uint32_t, 64> k;
  std::array<uint32_t, 8> h;
  const auto fraction = [](double root) { return uint32_t((root - std::floor(root)) * 0x1p32); };
  for (int prime = 2, i = 0; i < 64; ++prime) {
    bool is_prime = true;
    for (int d = 2; d * d <= prime; ++d) is_prime = is_prime && prime % d != 0;
    if (!is_prime) continue;
    if (i < 8) h[size_t(i)] = fraction(std::sqrt(double(prime)));
    k[size_t(i++)] = fraction(std::cbrt(double(prime)));
  }
  std::vector<std::byte> message(bytes.begin(), bytes.end());
  message.push_back(std::byte{0x80});
  while (message.size() % 64 != 56) message.push_back(std::byte{0});
  for (int shift = 56; shift >= 0; shift -= 8)
    message.push_back(std::byte(8 * uint64_t(bytes.size()) >> shift));
  for (size_t at = 0; at < message.size(); at += 64) {
    std::array<uint32_t, 64> w{};
    for (size_t i = 0; i < 64; ++i) w[i / 4] = w[i / 4] << 8 | uint32_t(message[at + i]);
    for (size_t i = 16; i < 64; ++i) {
      const uint32_t a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] +
             (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    std::array<uint32_t, 8> s = h;
    for (size_t i = 0; i < 64; ++i) {
      const uint32_t e = s[4], a = s[0];
      const uint32_t first = s[7] + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                             ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
      const uint32_t second =
          (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
      s = {first + second, s[0], s[1], s[2], s[3] + first, s[4], s[5], s[6]};
    }
    for (size_t i = 0; i < 8; ++i) h[i] += s[i];
  }
  std::string text;
  for (const uint32_t word : h) {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", unsigned(word));
    text += digits;
  }
  return text;
}

}  // namespace rwkv
