// What the C++ library and Embind would bring printf along for: 8 KB.
#include <__verbose_abort>

#include <cassert>
#include <cstdarg>
#include <cstdint>

// How the C++ library ends, in the place of its own function.
_LIBCPP_BEGIN_NAMESPACE_STD
void __libcpp_verbose_abort(const char* reason, ...) noexcept {
  __assert_fail(reason, __FILE__, __LINE__, __func__);
}
_LIBCPP_END_NAMESPACE_STD

// sprintf of whole numbers and pointers, by the name that compilers call it. Embind alone does, with "%p":
// without type information the name of a type is its address.
extern "C" int siprintf(char* out, [[maybe_unused]] const char* format, ...) {
  va_list values;
  va_start(values, format);
  auto address = reinterpret_cast<uintptr_t>(va_arg(values, void*));
  va_end(values);
  int length = 0;
  do out[length++] = char('a' + address % 16);
  while ((address /= 16) > 0);
  out[length] = 0;
  return length;
}
