// Names on their way to people: as a word of a command line that is pasted into a shell, and in a line of
// text. A file may be called anything but "/" and the zero byte.
#pragma once

#include <string>
#include <string_view>

namespace litewright {

// One word for sh. Ordinary paths stay as they are; 'x y.db', 'it'\''s.db'; what holds control characters, or
// is no UTF-8, is all in ASCII: $'two\012lines.db' (POSIX 2024; bash, zsh, ksh, busybox).
std::string shell_quoted(std::string_view text);

// Control characters as '?': no name begins a line of its own or colours the terminal.
std::string printable(std::string_view text);

}  // namespace litewright
